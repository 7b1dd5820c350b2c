#include "gateway/admin/on_pool.h"

#include <google/protobuf/arena.h>
#include <gtest/gtest.h>

#include <latch>
#include <string>

#include "runtime/sync_wait.h"

namespace prism::gateway {
namespace {

class OnPoolTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(shards_.Start()); }
  void TearDown() override {
    pool_.Stop();
    shards_.Stop();
  }

  // "ran", or the reason why not, of work that waits for a thread while `meanwhile` happens to its
  // call.
  template <class F>
  std::string RunBehindOther(const F& meanwhile) {
    std::latch other{1};
    EXPECT_TRUE(pool_.Submit([&other] { other.wait(); }));
    google::protobuf::Arena arena;
    contract::CallContext ctx(arena);
    const Result<std::string> ran = runtime::RunOn(shards_.at(0), [&] {
      // Behind the beginning of the task, which is queued then.
      runtime::Shard::Current()->Post([&] {
        meanwhile(ctx);
        other.count_down();
      });
      return OnPool(ctx, pool_, [] { return Result<std::string>("ran"); });
    });
    return ran ? *ran : std::string(ran.error().reason());
  }

  runtime::ShardPool shards_{1};
  runtime::BlockingPool pool_{1, 8};
};

TEST_F(OnPoolTest, RunsWhatSomebodyWaitsFor) {
  EXPECT_EQ(RunBehindOther([](contract::CallContext&) {}), "ran");
}

TEST_F(OnPoolTest, WhatNobodyWaitsForIsNotBegun) {
  const auto cancel = [](runtime::CancelReason reason) {
    return [reason](contract::CallContext& ctx) { ctx.cancel().Cancel(reason); };
  };
  EXPECT_EQ(RunBehindOther(cancel(runtime::CancelReason::kClientGone)), "CANCELLED");
  EXPECT_EQ(RunBehindOther(cancel(runtime::CancelReason::kDeadline)), "DEADLINE_EXCEEDED");
  EXPECT_EQ(RunBehindOther(cancel(runtime::CancelReason::kShutdown)), "SHUTTING_DOWN");
}

TEST_F(OnPoolTest, ACallThatWasGivenUpBeforeIsNotBegun) {
  google::protobuf::Arena arena;
  contract::CallContext ctx(arena);
  const Status ran = runtime::RunOn(shards_.at(0), [&] {
    ctx.cancel().Cancel(runtime::CancelReason::kClientGone);
    return OnPool(ctx, pool_, [] { return Status(); });
  });
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().reason(), "CANCELLED");
}

}  // namespace
}  // namespace prism::gateway

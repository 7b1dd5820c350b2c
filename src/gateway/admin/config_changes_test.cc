#include "gateway/admin/config_changes.h"

#include <google/protobuf/arena.h>
#include <gtest/gtest.h>

#include <string>

#include "runtime/sync_wait.h"

namespace prism::gateway {
namespace {

constexpr MonoNanos kLong = 600 * kNanosPerSecond;

class ConfigChangesTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(shards_.Start()); }
  void TearDown() override { shards_.Stop(); }

  // "more", "time", or the reason of the error.
  std::string Wait(MonoNanos until) {
    google::protobuf::Arena arena;
    contract::CallContext ctx(arena);
    const auto more = runtime::RunOn(
        shards_.at(0), [&] { return changes_.WaitForMore(ctx, changes_.count(), until); });
    if (!more) return std::string(more.error().reason());
    return *more ? "more" : "time";
  }

  runtime::ShardPool shards_{1};
  ConfigChanges changes_{shards_, 1};
};

TEST_F(ConfigChangesTest, EndsByTheTimeOrByTheDrain) {
  EXPECT_EQ(Wait(MonotonicNow()), "time");
  changes_.Drain();
  EXPECT_EQ(Wait(MonotonicNow() + kLong), "SHUTTING_DOWN");
}

TEST_F(ConfigChangesTest, WhatRangBeforeTheWaitIsNotMissed) {
  google::protobuf::Arena arena;
  contract::CallContext ctx(arena);
  changes_.Ring();
  const auto more = runtime::RunOn(shards_.at(0), [&] {
    return changes_.WaitForMore(ctx, changes_.count() - 1, MonotonicNow() + kLong);
  });
  ASSERT_TRUE(more) << more.error().ToString();
  EXPECT_TRUE(*more);
}

runtime::Task<void> WaitToo(ConfigChanges& changes, contract::CallContext& ctx,
                            std::string& reason) {
  const auto more = co_await changes.WaitForMore(ctx, changes.count(), MonotonicNow() + kLong);
  reason = more ? "waited" : std::string(more.error().reason());
  changes.Ring();
}

// Waits, and looks meanwhile what becomes of another one who does.
runtime::Task<std::string> WaitWithAnother(ConfigChanges& changes, contract::CallContext& ctx) {
  runtime::TaskGroup group;
  std::string reason;
  runtime::Shard::Current()->Post([&] { group.Spawn(WaitToo(changes, ctx, reason)); });
  const auto more = co_await changes.WaitForMore(ctx, changes.count(), MonotonicNow() + kLong);
  co_await group.Join();
  co_return more ? reason : std::string(more.error().reason());
}

TEST_F(ConfigChangesTest, ThereIsRoomForSoMany) {
  google::protobuf::Arena arena;
  contract::CallContext ctx(arena);
  EXPECT_EQ(runtime::RunOn(shards_.at(0), [&] { return WaitWithAnother(changes_, ctx); }),
            "TOO_MANY_WAITERS");
}

}  // namespace
}  // namespace prism::gateway

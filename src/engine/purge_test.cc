// Purge of every backend that is built on the engine.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "base/testing/temp_directory.h"
#include "engine/keyvalue/local_keyvalue.h"
#include "engine/memory/memory_backend.h"
#include "engine/models.h"
#include "engine/sqlite/sqlite_backend.h"
#include "engine/testing/harness.h"
#include "runtime/shard.h"
#include "runtime/sync_wait.h"

namespace prism::engine {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model

class PurgeTest : public ::testing::TestWithParam<std::string_view> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(shard_.Start());
    MakeBackend();
  }
  void MakeBackend() {
    backend_.reset();
    if (GetParam() == "memory") {
      auto made = MemoryBackend::Make(engine_);
      ASSERT_TRUE(made) << made.error().ToString();
      backend_ = *std::move(made);
    } else {
      auto made = SqliteBackend::Make(engine_, {.data_dir = directory_.path()});
      ASSERT_TRUE(made) << made.error().ToString();
      backend_ = *std::move(made);
    }
  }
  template <class Request, class Response>
  Response Call(const std::string& ns,
                runtime::Task<Status> (KeyValueBasic::*method)(contract::CallContext&,
                                                               const Request&, Response&),
                const Request& request) {
    const auto open = backend_->Open({.name = ns});
    EXPECT_TRUE(open) << open.error().ToString();
    auto& service = *static_cast<KeyValueBasic*>((*open)->Find(KeyValueBasic::kInterface));
    testing::TestCall call(clock_.Now());
    Response response;
    const Status status =
        runtime::RunOn(shard_, [&] { return (service.*method)(*call, request, response); });
    EXPECT_TRUE(status) << status.error().ToString();
    return response;
  }
  void Set(const std::string& ns) {
    SetRequest request;
    request.set_key("k");
    request.set_value(std::string(1000, 'v'));
    Call(ns, &KeyValueBasic::Set, request);
  }
  bool Has(const std::string& ns) {
    GetRequest request;
    request.set_key("k");
    return Call(ns, &KeyValueBasic::Get, request).found();
  }
  void Purge(const std::string& ns) {
    const Status purged = backend_->Purge(ns);
    EXPECT_TRUE(purged) << purged.error().ToString();
  }

  const base::testing::TempDirectory directory_;
  ManualClock clock_{1'700'000'000'000};
  runtime::Shard shard_{0};
  models::MemoryBudget budget_{1u << 30};
  LocalEngine engine_{{}, clock_, budget_, BuiltinModels()};
  std::unique_ptr<contract::Backend> backend_;
};

TEST_P(PurgeTest, LeavesNothingOfThatNamespaceAndAllOfOthers) {
  for (const char* ns : {"test", "test-2", "tests"}) Set(ns);
  ASSERT_TRUE(Has("test"));
  Purge("test");
  EXPECT_FALSE(Has("test"));
  EXPECT_TRUE(Has("test-2"));
  EXPECT_TRUE(Has("tests"));
  Set("test");
  EXPECT_TRUE(Has("test"));
}

TEST_P(PurgeTest, NothingThereIsWell) {
  Purge("never");
  Set("test");
  for (int i = 0; i < 2; ++i) Purge("test");
  // The janitor may look at it just now, and lets go of it then.
  const MonoNanos end = MonotonicNow() + 10 * kNanosPerSecond;
  while (budget_.used() != 0 && MonotonicNow() < end) std::this_thread::yield();
  EXPECT_EQ(budget_.used(), 0u);
  EXPECT_TRUE(backend_->Health());
}

// What a process that was killed leaves behind is removed by one that never opened it.
TEST_P(PurgeTest, NeedsNoOpenNamespace) {
  Set("test");
  MakeBackend();
  Purge("test");
  EXPECT_FALSE(Has("test"));
}

TEST_P(PurgeTest, WhatIsLeftOfAnOlderOneIsNotServedAnyMore) {
  Set("test");
  const auto held = backend_->Open({.name = "test"});
  Purge("test");
  EXPECT_NE(*held, *backend_->Open({.name = "test"}));
}

INSTANTIATE_TEST_SUITE_P(, PurgeTest, ::testing::Values("memory", "sqlite"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace prism::engine

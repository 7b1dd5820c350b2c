#include "runtime/blocking_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <string>
#include <thread>

#include "runtime/sync_wait.h"

namespace prism::runtime {
namespace {

Task<Result<int>> ThreadsDiffer(BlockingPool* pool) {
  const auto here = std::this_thread::get_id();
  const Shard* shard = Shard::Current();
  auto there = co_await pool->Run([] { return std::this_thread::get_id(); });
  EXPECT_TRUE(there);
  EXPECT_NE(*there, here);
  EXPECT_EQ(std::this_thread::get_id(), here);
  EXPECT_EQ(Shard::Current(), shard);
  co_return co_await pool->Run([] { return 42; });
}

TEST(BlockingPoolTest, RunsElsewhereAndComesBackWithTheValue) {
  BlockingPool pool(2, 16);
  const auto value = RunOnNewShard([&] { return ThreadsDiffer(&pool); });
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, 42);
}

Task<Status> RunVoid(BlockingPool* pool, int* ran) {
  co_return co_await pool->Run([ran] { ++*ran; });
}

TEST(BlockingPoolTest, RunsFunctionsWithoutAValue) {
  BlockingPool pool(1, 16);
  int ran = 0;
  EXPECT_TRUE(RunOnNewShard([&] { return RunVoid(&pool, &ran); }));
  EXPECT_EQ(ran, 1);
}

Task<std::string> ErrorOfRun(BlockingPool* pool) {
  const auto value = co_await pool->Run([] { return std::make_unique<int>(1); });
  co_return value ? "no error" : value.error().ToString();
}

TEST(BlockingPoolTest, RefusesBeyondItsQueueAndAfterStop) {
  BlockingPool pool(1, 2);
  std::promise<void> started;
  std::promise<void> release;
  const auto released = release.get_future().share();
  ASSERT_TRUE(pool.Submit([&] {
    started.set_value();
    released.wait();
  }));
  started.get_future().wait();
  std::atomic<int> ran = 0;
  ASSERT_TRUE(pool.Submit([&] { ++ran; }));
  ASSERT_TRUE(pool.Submit([&] { ++ran; }));
  EXPECT_EQ(RunOnNewShard([&] { return ErrorOfRun(&pool); }),
            "RESOURCE_EXHAUSTED/BLOCKING_POOL_FULL: too many blocking operations are waiting; "
            "retry later");
  release.set_value();
  pool.Stop();
  EXPECT_EQ(ran.load(), 2) << "Stop finishes what is queued";
  EXPECT_EQ(RunOnNewShard([&] { return ErrorOfRun(&pool); }),
            "UNAVAILABLE/SHUTTING_DOWN: the process is stopping; retry on another instance");
  pool.Stop();
}

TEST(BlockingPoolTest, UsesAllItsThreadsWhenAllWorkBlocks) {
  constexpr int kThreads = 4;
  BlockingPool pool(kThreads, 16);
  std::latch all_there(kThreads);
  std::latch left(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    ASSERT_TRUE(pool.Submit([&] {
      all_there.arrive_and_wait();  // passes only with as many threads as jobs
      left.count_down();
    }));
  }
  left.wait();
  pool.Stop();
}

}  // namespace
}  // namespace prism::runtime

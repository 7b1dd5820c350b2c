#include "branching/storage/share_work.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <latch>
#include <vector>

#include "runtime/blocking_pool.h"

namespace prism::branching::internal {
namespace {

TEST(ShareWork, DoesEachPieceOnce) {
  runtime::BlockingPool pool(2, 100);
  constexpr std::size_t kCount = 1003;
  for (runtime::BlockingPool* helpers : {static_cast<runtime::BlockingPool*>(nullptr), &pool}) {
    std::vector<std::atomic<int>> done(kCount);
    EXPECT_TRUE(ShareWork(helpers, kCount, [&](std::size_t i) {
      ++done[i];
      return Status();
    }));
    for (const auto& times : done) EXPECT_EQ(times, 1);
  }
  EXPECT_TRUE(ShareWork(&pool, 0, [](std::size_t) -> Status { std::abort(); }));
  pool.Stop();
}

TEST(ShareWork, IsHelped) {
  runtime::BlockingPool pool(1, 100);
  std::latch both(2);  // opens when two threads are inside
  std::atomic<int> pieces = 0;
  EXPECT_TRUE(ShareWork(&pool, 1000, [&](std::size_t) {
    thread_local bool first = true;
    if (first) both.arrive_and_wait();
    first = false;
    ++pieces;
    return Status();
  }));
  EXPECT_EQ(pieces, 1000);
  pool.Stop();
}

TEST(ShareWork, ReturnsTheErrorAndStops) {
  runtime::BlockingPool pool(2, 100);
  std::atomic<int> pieces = 0;
  const Status failed = ShareWork(&pool, 1'000'000, [&](std::size_t) -> Status {
    if (++pieces < 10) return {};
    return std::unexpected(Error(Code::kInternal, "TEST", "Enough."));
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().reason(), "TEST");
  EXPECT_LT(pieces, 100);
  pool.Stop();
}

TEST(ShareWork, WaitsForNoThreadOfABusyPool) {
  runtime::BlockingPool pool(1, 1);
  std::latch done(1);
  std::atomic<int> pieces = 0;
  ASSERT_TRUE(pool.Submit([&] {  // the only thread
    EXPECT_TRUE(ShareWork(&pool, 100, [&](std::size_t) {
      ++pieces;
      return Status();
    }));
    done.count_down();
  }));
  done.wait();
  EXPECT_EQ(pieces, 100);
  pool.Stop();
}

}  // namespace
}  // namespace prism::branching::internal

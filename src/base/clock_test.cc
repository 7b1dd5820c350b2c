#include "base/clock.h"

#include <gtest/gtest.h>

#include <ctime>
#include <thread>
#include <vector>

namespace prism {
namespace {

TEST(SystemClock, IsTheWallTimeAndNeverGoesBack) {
  SystemClock one;
  SystemClock other;
  const WallMillis first = one.Now();
  EXPECT_NEAR(static_cast<double>(first), static_cast<double>(std::time(nullptr)) * 1000, 5'000);
  WallMillis last = first;
  for (int i = 0; i < 10'000; ++i) {
    const WallMillis now = (i % 2 == 0 ? one : other).Now();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(SystemClock, NeverGoesBackOnAnyThread) {
  std::vector<std::thread> threads;
  std::vector<int> backwards(4, 0);
  for (std::size_t t = 0; t < backwards.size(); ++t) {
    threads.emplace_back([&backwards, t] {
      SystemClock clock;
      WallMillis last = 0;
      for (int i = 0; i < 20'000; ++i) {
        const WallMillis now = clock.Now();
        if (now < last) ++backwards[t];
        last = now;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(backwards, std::vector<int>(4, 0));
}

TEST(ManualClock, MovesOnlyByHand) {
  ManualClock clock(1'000);
  EXPECT_EQ(clock.Now(), 1'000);
  EXPECT_EQ(clock.Now(), 1'000);
  clock.Advance(250);
  EXPECT_EQ(clock.Now(), 1'250);
}

TEST(MonotonicNow, CountsNanosecondsUpwards) {
  const MonoNanos start = MonotonicNow();
  while (MonotonicNow() < start + kNanosPerMilli) {
  }
  const MonoNanos took = MonotonicNow() - start;
  EXPECT_GE(took, kNanosPerMilli);
  EXPECT_LT(took, 10 * kNanosPerSecond);
}

}  // namespace
}  // namespace prism

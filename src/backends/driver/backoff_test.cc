#include "backends/driver/backoff.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

namespace prism::backends {
namespace {

constexpr std::uint64_t kBillion = 1'000'000'000;

TEST(Backoff, TriesAtOnceAndThenWithinABoundThatDoubles) {
  Backoff backoff({.first = 50, .longest = 300});
  EXPECT_EQ(backoff.Next(kBillion), 0);
  std::vector<MonoNanos> longest;
  for (const std::uint64_t bound : {50u, 100u, 200u, 300u, 300u}) {
    longest.push_back(backoff.Next(bound));  // the remainder of the bound itself is the bound
  }
  EXPECT_EQ(longest, (std::vector<MonoNanos>{50, 100, 200, 300, 300}));
}

TEST(Backoff, SpreadsOverTheWholeBound) {
  const auto second = [](std::uint64_t random) {
    Backoff backoff({.first = 50, .longest = 300});
    (void)backoff.Next(0);
    return backoff.Next(random);
  };
  EXPECT_EQ(second(0), 0);
  EXPECT_EQ(second(51), 0);
  EXPECT_EQ(second(50), 50);
  EXPECT_LE(second(std::numeric_limits<std::uint64_t>::max()), 50);
}

TEST(Backoff, BeginsAnewAfterAnAnswer) {
  Backoff backoff;
  (void)backoff.Next(1);
  EXPECT_GT(backoff.Next(12'345'678), 0);
  backoff.Reset();
  EXPECT_EQ(backoff.Next(12'345'678), 0);
}

TEST(Backoff, NeverWaitsLongerThanHalfASecond) {
  Backoff backoff;
  for (std::uint64_t random = 1; random < 1000; ++random) {
    EXPECT_LE(backoff.Next(random * 0x9e3779b97f4a7c15u), 500 * kNanosPerMilli);
  }
}

}  // namespace
}  // namespace prism::backends

#include "base/ids.h"

#include <gtest/gtest.h>

#include <array>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace prism::base {
namespace {

std::string Encoded(std::uint64_t high, std::uint64_t low) {
  std::array<char, kIdLength> out{};
  EncodeId(high, low, out);
  return {out.data(), out.size()};
}

TEST(Ids, EncodesMostSignificantDigitFirst) {
  EXPECT_EQ(Encoded(0, 0), "00000000000000000000000000");
  EXPECT_EQ(Encoded(0, 1), "00000000000000000000000001");
  EXPECT_EQ(Encoded(0, 33), "00000000000000000000000011");
  EXPECT_EQ(Encoded(1, 0), "0000000000000G000000000000");
  EXPECT_EQ(Encoded(~0ULL, ~0ULL), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
}

TEST(Ids, RecognisesItsOwnFormOnly) {
  EXPECT_TRUE(IsId(NewId()));
  EXPECT_TRUE(IsId("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"));
  EXPECT_FALSE(IsId("8ZZZZZZZZZZZZZZZZZZZZZZZZZ"));
  EXPECT_FALSE(IsId("7ZZZZZZZZZZZZZZZZZZZZZZZZ"));
  EXPECT_FALSE(IsId("7ZZZZZZZZZZZZZZZZZZZZZZZZI"));
  EXPECT_FALSE(IsId("7zzzzzzzzzzzzzzzzzzzzzzzzz"));
  EXPECT_FALSE(IsId(""));
}

TEST(Ids, AreDifferentOnAllThreads) {
  constexpr int kThreads = 4;
  constexpr int kEach = 2'000;
  std::mutex mutex;
  std::set<std::string> seen;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      std::vector<std::string> mine;
      for (int i = 0; i < kEach; ++i) mine.push_back(NewId());
      const std::lock_guard lock(mutex);
      seen.insert(mine.begin(), mine.end());
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kThreads * kEach));
}

TEST(Ids, UseEveryDigitInEveryPlace) {
  std::array<std::set<char>, kIdLength> digits;
  for (int i = 0; i < 5'000; ++i) {
    const std::string id = NewId();
    for (std::size_t place = 0; place < kIdLength; ++place) digits[place].insert(id[place]);
  }
  EXPECT_EQ(digits[0].size(), 8U);
  for (std::size_t place = 1; place < kIdLength; ++place) EXPECT_EQ(digits[place].size(), 32U);
}

}  // namespace
}  // namespace prism::base

#include "engine/memory/memory_dedup_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace prism::engine {
namespace {

class MemoryDedup : public ::testing::Test {
 protected:
  static models::Digest Id(std::uint64_t number) {
    return {.high = number * 0x9E3779B97F4A7C15, .low = number};
  }
  bool Remember(std::uint64_t number, WallMillis expires_at,
                const std::string& response = "answer") {
    const models::Digest id = Id(number);
    const DedupStore::Section section(store_, id);
    const auto found = store_.Find(id, clock_.Now());
    return found && !*found && store_.Remember(id, id, response, expires_at);
  }
  std::optional<std::string> Find(std::uint64_t number) {
    const models::Digest id = Id(number);
    const DedupStore::Section section(store_, id);
    const auto found = store_.Find(id, clock_.Now());
    if (!found || !*found) return std::nullopt;
    return std::string((**found).response.view());
  }

  ManualClock clock_{1000};
  models::MemoryBudget budget_{1u << 20};
  models::NamespaceLimits limits_{{.name = "test", .dedup_max_entries = 100}};
  MemorySpace space_{budget_, limits_, clock_};
  MemoryDedupStore store_{space_};
};

TEST_F(MemoryDedup, RemembersUntilTheTime) {
  EXPECT_TRUE(Remember(1, 2000));
  EXPECT_EQ(Find(1), "answer");
  EXPECT_EQ(Find(2), std::nullopt);
  clock_.Advance(999);
  EXPECT_EQ(Find(1), "answer");
  clock_.Advance(1);
  EXPECT_EQ(Find(1), std::nullopt);
  EXPECT_EQ(store_.size(), 0U);
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(MemoryDedup, IsBoundedAndFreesWhatHasExpired) {
  for (std::uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(Remember(i, 2000));
  {
    const DedupStore::Section section(store_, Id(200));
    const auto found = store_.Find(Id(200), clock_.Now());
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().reason(), "DEDUP_FULL");
  }
  EXPECT_EQ(Find(50), "answer") << "what is there is found when the store is full";
  clock_.Advance(1000);
  EXPECT_TRUE(Remember(200, 3000));
}

TEST_F(MemoryDedup, SweepGivesEverythingBack) {
  for (std::uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(Remember(i, 2000, std::string(500, 'r')));
  EXPECT_GT(budget_.used(), 50'000U);
  EXPECT_FALSE(store_.Sweep(1999, 1000));
  EXPECT_EQ(store_.size(), 100U);
  EXPECT_TRUE(store_.Sweep(2000, 10)) << "a small budget leaves some";
  while (store_.Sweep(2000, 10)) {
  }
  EXPECT_EQ(store_.size(), 0U);
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(MemoryDedup, AnswersCountForTheMemoryLimit) {
  EXPECT_TRUE(Remember(1, 2000, std::string(1u << 20, 'r'))) << "one answer may pass the limit";
  const DedupStore::Section section(store_, Id(2));
  const auto found = store_.Find(Id(2), clock_.Now());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().reason(), "MEMORY_LIMIT");
}

TEST_F(MemoryDedup, ADuplicateWaitsForTheFirst) {
  std::atomic<int> applied = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (std::uint64_t number = 0; number < 50; ++number)
        applied += Remember(number, 2000) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(applied, 50);
}

}  // namespace
}  // namespace prism::engine

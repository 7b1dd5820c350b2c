#include "engine/memory/memory_keyvalue_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/testing/rounds.h"

namespace prism::engine {
namespace {

class MemoryKeyValues : public ::testing::Test {
 protected:
  // Runs `work(thread number)` on several threads at once.
  template <class Work>
  static void OnThreads(int count, Work work) {
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back([&work, i] { work(i); });
    for (std::thread& thread : threads) thread.join();
  }
  std::vector<std::string> ScanAll(std::size_t page, std::string_view prefix = "") {
    std::vector<std::string> keys;
    std::string after;
    while (true) {
      auto result = store_.Scan(
          {.prefix = prefix, .after = after, .max_entries = page, .max_bytes = 1u << 20}, kNow);
      for (ScannedEntry& entry : result->entries) keys.push_back(std::move(entry.key));
      if (result->end) return keys;
      after = result->resume;
    }
  }

  static constexpr WallMillis kNow = 1'000'000;
  ManualClock clock_{kNow};
  models::MemoryBudget budget_{1u << 30};
  models::NamespaceLimits limits_{{.name = "test"}};
  MemorySpace space_{budget_, limits_, clock_};
  MemoryKeyValueStore store_{space_};
};

TEST_F(MemoryKeyValues, AccountsForWhatItHolds) {
  ASSERT_TRUE(store_.Set("key", {.value = "value", .tags = "tags"}, kNow));
  EXPECT_EQ(space_.bytes(), 12);
  EXPECT_EQ(space_.keys(), 1);
  EXPECT_EQ(budget_.used(), 12 + KeyValueTable::kEntryOverhead);
  ASSERT_TRUE(store_.Set("key", {.value = "v"}, kNow));
  EXPECT_EQ(space_.bytes(), 4);
  ASSERT_TRUE(store_.Increment("counter", 100, kNow));
  EXPECT_EQ(space_.bytes(), 4 + 10);
  ASSERT_TRUE(store_.DeletePrefixPage("", "", 100, kNow));
  EXPECT_EQ(space_.bytes(), 0);
  EXPECT_EQ(space_.keys(), 0);
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(MemoryKeyValues, SweepRemovesWhatHasExpiredWithinItsBudget) {
  for (int i = 0; i < 1000; ++i) {
    const std::string key = std::to_string(i);
    ASSERT_TRUE(store_.Set(key, {.value = "v", .expires_at = kNow + 1 + i % 2}, kNow));
  }
  EXPECT_FALSE(*store_.Sweep(kNow, 10));
  EXPECT_TRUE(*store_.Sweep(kNow + 1, 10));
  EXPECT_EQ(space_.keys(), 990);
  while (*store_.Sweep(kNow + 1, 10)) {
  }
  EXPECT_EQ(space_.keys(), 500);
  EXPECT_FALSE(*store_.Sweep(kNow + 2, 1000));
  EXPECT_EQ(space_.keys(), 0);
}

TEST_F(MemoryKeyValues, APageKeepsToItsBytes) {
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(store_.Set("key" + std::to_string(i), {.value = std::string(1000, 'v')}, kNow));
  }
  const auto page = store_.Scan({.max_entries = 100, .max_bytes = 2500}, kNow);
  EXPECT_EQ(page->entries.size(), 2U);
  EXPECT_FALSE(page->end);
  const auto least = store_.Scan({.max_entries = 100, .max_bytes = 1}, kNow);
  EXPECT_EQ(least->entries.size(), 1U) << "one entry, whatever its size";
}

// From here on: many threads. ThreadSanitizer runs these.

TEST_F(MemoryKeyValues, IncrementsOfManyThreadsAddUpStress) {
  const std::int64_t rounds = base::Rounds(2000, 100'000);
  OnThreads(4, [&](int) {
    for (std::int64_t i = 0; i < rounds; ++i) ASSERT_TRUE(store_.Increment("counter", 1, kNow));
  });
  EXPECT_EQ(store_.Increment("counter", 0, kNow)->value, 4 * rounds);
}

TEST_F(MemoryKeyValues, OneWinnerForEachVersion) {
  const Version start = *store_.Set("k", {.value = "v"}, kNow);
  std::atomic<int> winners = 0;
  OnThreads(4, [&](int) {
    const auto swapped = store_.CompareAndSwap(
        "k", {.kind = KeyValueExpectation::Kind::kVersion, .version = start}, {.value = "w"}, kNow);
    winners += swapped->done ? 1 : 0;
  });
  EXPECT_EQ(winners, 1);
}

// Money moves between accounts in transactions; its sum is the same at each moment.
TEST_F(MemoryKeyValues, TransactionsAreAtomicStress) {
  constexpr int kAccounts = 16;
  const auto account = [](int i) { return "account" + std::to_string(i); };
  for (int i = 0; i < kAccounts; ++i) ASSERT_TRUE(store_.Set(account(i), {.value = "100"}, kNow));
  const std::int64_t rounds = base::Rounds(500, 50'000);
  std::atomic<std::int64_t> committed = 0;

  const auto read = [&](const std::string& key) { return **store_.Get(key, kNow); };
  const auto transfer = [&](int from, int to) {
    const std::array<std::string, 2> keys = {account(from), account(to)};
    const std::array<KeyValueRecord, 2> before = {read(keys[0]), read(keys[1])};
    const std::array<std::string, 2> after = {
        std::to_string(std::stoi(std::string(before[0].value.view())) - 1),
        std::to_string(std::stoi(std::string(before[1].value.view())) + 1)};
    std::vector<TransactPrecondition> preconditions;
    std::vector<TransactOperation> operations;
    for (std::size_t i = 0; i < 2; ++i) {
      preconditions.push_back({.key = keys[i], .version = before[i].version});
      operations.push_back({.key = keys[i], .write = {.value = after[i]}});
    }
    committed += store_.Transact(preconditions, operations, kNow)->committed ? 1 : 0;
  };
  const auto audit = [&] {
    // A transaction that only reads: it commits when the values are of one moment.
    std::vector<std::string> keys;
    std::vector<TransactPrecondition> preconditions;
    int sum = 0;
    for (int i = 0; i < kAccounts; ++i) keys.push_back(account(i));
    for (const std::string& key : keys) {
      const KeyValueRecord record = read(key);
      sum += std::stoi(std::string(record.value.view()));
      preconditions.push_back({.key = key, .version = record.version});
    }
    if (store_.Transact(preconditions, {}, kNow)->committed) {
      ASSERT_EQ(sum, 100 * kAccounts);
    }
  };
  OnThreads(4, [&](int thread) {
    for (std::int64_t i = 0; i < rounds; ++i) {
      const int from = static_cast<int>((i * 7 + thread) % kAccounts);
      transfer(from, (from + 1 + static_cast<int>(i % (kAccounts - 1))) % kAccounts);
      if (i % 8 == 0) audit();
    }
  });
  audit();
  EXPECT_GT(committed, 0);
}

// What is there all the time is scanned exactly once and in order, whatever comes and goes beside
// it.
TEST_F(MemoryKeyValues, ScansUnderWritesStress) {
  std::vector<std::string> stable;
  for (int i = 100; i < 400; ++i) {
    stable.push_back("s" + std::to_string(i));
    ASSERT_TRUE(store_.Set(stable.back(), {.value = "v"}, kNow));
  }
  const std::int64_t rounds = base::Rounds(20, 1000);
  std::atomic<int> scanning = 2;
  OnThreads(4, [&](int thread) {
    if (thread >= 2) {
      for (int i = 0; scanning > 0; i = (i + 1) % 300) {
        const std::string key = "s" + std::to_string(100 + i) + "/" + std::to_string(thread);
        ASSERT_TRUE(store_.Set(key, {.value = "v", .expires_at = kNow + 1 + i % 5}, kNow));
        ASSERT_TRUE(store_.Delete(key, kNow));
        ASSERT_TRUE(store_.Sweep(kNow + 3, 10));
      }
      return;
    }
    for (std::int64_t round = 0; round < rounds; ++round) {
      const std::vector<std::string> keys = ScanAll(1 + static_cast<std::size_t>(round) % 40, "s");
      ASSERT_TRUE(std::ranges::is_sorted(keys, std::ranges::less_equal{}))
          << "out of order or twice";
      std::vector<std::string> found;
      std::ranges::copy_if(keys, std::back_inserter(found),
                           [](const std::string& key) { return !key.contains('/'); });
      ASSERT_EQ(found, stable);
    }
    --scanning;
  });
}

// Every method at once on few keys: for the sanitizers, and the accounts must be right at the end.
TEST_F(MemoryKeyValues, EverythingAtOnceStress) {
  const std::int64_t rounds = base::Rounds(3000, 300'000);
  OnThreads(4, [&](int thread) {
    for (std::int64_t i = 0; i < rounds; ++i) {
      const std::string key = "k" + std::to_string((i * 31 + thread) % 20);
      const std::string value(static_cast<std::size_t>(i % 50), 'v');
      const WallMillis now = kNow + i / 10;
      const KeyValueWrite write = {.value = value,
                                   .expires_at = i % 3 == 0 ? now + 5 : kNeverExpires};
      switch (i % 11) {
        case 0:
          ASSERT_TRUE(store_.Get(key, now));
          break;
        case 1:
          ASSERT_TRUE(store_.Set(key, write, now));
          break;
        case 2:
          ASSERT_TRUE(store_.Delete(key, now));
          break;
        case 3:
          ASSERT_TRUE(store_.Expire(key, now + 3, now));
          break;
        case 4:
          ASSERT_TRUE(store_.Persist(key, now));
          break;
        case 5:
          ASSERT_TRUE(
              store_.CompareAndSwap(key, {.kind = KeyValueExpectation::Kind::kAbsent}, write, now));
          break;
        case 6:
          ASSERT_TRUE(store_.Increment(key + "n", 1, now));
          break;
        case 7:
          ASSERT_TRUE(store_.DeletePrefixPage("k1", "", 5, now));
          break;
        case 8:
          ASSERT_TRUE(store_.CountPage("k", "", 100, now));
          break;
        case 9: {
          const std::array<TransactOperation, 2> operations = {
              TransactOperation{.key = key, .write = write},
              TransactOperation{.kind = TransactOperation::Kind::kDelete, .key = "k3x"}};
          ASSERT_TRUE(store_.Transact({}, operations, now));
          break;
        }
        default:
          ASSERT_TRUE(store_.Sweep(now, 10));
      }
    }
  });
  std::int64_t bytes = 0;
  std::int64_t keys = 0;
  const auto page = store_.Scan({.max_entries = 1000, .max_bytes = 1u << 20}, 0);
  for (const ScannedEntry& entry : page->entries) {
    bytes += static_cast<std::int64_t>(entry.key.size() + entry.record.value.size());
    ++keys;
  }
  EXPECT_EQ(space_.bytes(), bytes);
  EXPECT_EQ(space_.keys(), keys);
  EXPECT_EQ(budget_.used(), static_cast<std::uint64_t>(bytes) +
                                static_cast<std::uint64_t>(keys) * KeyValueTable::kEntryOverhead);
}

}  // namespace
}  // namespace prism::engine

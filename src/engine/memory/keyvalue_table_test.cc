#include "engine/memory/keyvalue_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "engine/memory/key_hash.h"

namespace prism::engine {
namespace {

std::vector<std::string> KeysFrom(const KeyValueTable& table, std::string_view prefix,
                                  std::string_view after) {
  std::vector<std::string> keys;
  for (auto at = table.Seek(prefix, after); at != table.end(); ++at) keys.emplace_back(at->key());
  return keys;
}

TEST(KeyValueTable, OrdersKeysAsBytes) {
  KeyValueTable table;
  const KeyHash hash(1);
  std::vector<std::string> keys = {"a",
                                   "ab",
                                   "a\x01",
                                   "b",
                                   "\xC3\xA9",
                                   "\x7F",
                                   "same first sixteen bytes 1",
                                   "same first sixteen bytes 2",
                                   "same first sixte",
                                   "same first sixteen",
                                   std::string(1024, 'k'),
                                   std::string(1023, 'k')};
  for (const std::string& key : keys) table.Insert(key, hash(key));
  std::ranges::sort(keys);
  EXPECT_EQ(KeysFrom(table, "", ""), keys);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(
        KeysFrom(table, "", keys[i]),
        std::vector<std::string>(keys.begin() + static_cast<std::ptrdiff_t>(i) + 1, keys.end()));
    EXPECT_EQ(KeysFrom(table, keys[i], ""),
              std::vector<std::string>(keys.begin() + static_cast<std::ptrdiff_t>(i), keys.end()));
  }
}

TEST(KeyValueTable, StaysRightUnderManyChanges) {
  KeyValueTable table;
  const KeyHash hash(7);
  std::map<std::string, WallMillis> expected;
  std::mt19937_64 random(3);
  for (int round = 0; round < 20'000; ++round) {
    const std::string key = "key" + std::to_string(random() % 500);
    auto* entry = table.Find(key, hash(key));
    ASSERT_EQ(entry != nullptr, expected.contains(key));
    if (entry != nullptr && random() % 3 == 0) {
      table.Remove(*entry);
      expected.erase(key);
      continue;
    }
    if (entry == nullptr) entry = &table.Insert(key, hash(key));
    const auto expires_at = static_cast<WallMillis>(random() % 4 == 0 ? 0 : 1 + random() % 1000);
    table.SetExpiry(*entry, expires_at);
    expected[key] = expires_at;
  }
  ASSERT_EQ(table.size(), expected.size());
  // What expires leaves in order of its time.
  WallMillis last = 0;
  while (auto* due = table.Due(1000)) {
    EXPECT_GE(due->record.expires_at, last);
    last = due->record.expires_at;
    EXPECT_EQ(expected.at(std::string(due->key())), last);
    expected.erase(std::string(due->key()));
    table.Remove(*due);
  }
  EXPECT_EQ(table.NextExpiry(), kNeverExpires);
  EXPECT_EQ(table.size(), expected.size());
  for (const auto& [key, expires_at] : expected) EXPECT_EQ(expires_at, kNeverExpires);
}

TEST(KeyHash, SpreadsSimilarKeys) {
  const KeyHash hash;
  std::vector<int> stripes(64);
  for (int i = 0; i < 64'000; ++i) ++stripes[hash("user:" + std::to_string(i)) >> 58];
  EXPECT_GT(*std::ranges::min_element(stripes), 800);
  EXPECT_LT(*std::ranges::max_element(stripes), 1200);
  EXPECT_NE(KeyHash()("a key"), KeyHash()("a key")) << "two stores have the same seed";
}

}  // namespace
}  // namespace prism::engine

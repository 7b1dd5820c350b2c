// The evaluator and SQLite give the same answer for every record, whatever the filter.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/testing/rounds.h"
#include "filter/sql.h"
#include "filter/testing/every_type.h"
#include "tests/filter/random_filters.h"
#include "tests/filter/sample_table.h"

namespace prism::filter {
namespace {

constexpr std::size_t kRecords = 100;
constexpr std::int64_t kFiltersOfATable = 100;

std::uint64_t Seed(std::uint64_t usual) {
  const char* seed = std::getenv("PRISM_SEED");
  return seed == nullptr ? usual : std::strtoull(seed, nullptr, 10);
}

struct Tally {
  std::uint64_t compared = 0;
  std::uint64_t matched = 0;
  // Filters that hold for some records, and not for others.
  std::uint64_t telling = 0;
};

void CompareOne(const std::string& text, const Schema& schema,
                const std::vector<MemoryRecord>& records, SampleTable& table, Tally& tally) {
  const auto filter = Filter::Compile(text, schema);
  ASSERT_TRUE(filter) << text << "\n" << filter.error().ToString();
  std::vector<std::size_t> expected;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (filter->Matches(records[i])) expected.push_back(i);
  }
  const auto found = table.Matching(*filter);
  ASSERT_TRUE(found) << text << "\n" << found.error().ToString();
  ASSERT_EQ(*found, expected) << text << "\n" << ToSql(*filter)->text;
  tally.compared += records.size();
  tally.matched += expected.size();
  tally.telling += !expected.empty() && expected.size() < records.size() ? 1 : 0;
}

void CompareTable(std::uint64_t seed, Tally& tally) {
  const auto unit = static_cast<TimeUnit>(seed % 4);
  const Schema schema = EveryType(unit);
  RandomFilters random(seed, unit);
  std::vector<MemoryRecord> records;
  for (std::size_t i = 0; i < kRecords; ++i) records.push_back(random.Record());
  auto table = SampleTable::Create(schema, records);
  ASSERT_TRUE(table) << table.error().ToString();
  for (std::int64_t i = 0; i < kFiltersOfATable; ++i) {
    CompareOne(random.Filter(), schema, records, *table, tally);
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(FilterAgreement, StressOfRandomFiltersOverRandomRecords) {
  const std::uint64_t first = Seed(1);
  const auto tables = static_cast<std::uint64_t>(base::Rounds(100, 10'000));
  Tally tally;
  for (std::uint64_t seed = first; seed < first + tables; ++seed) {
    SCOPED_TRACE(fmt::format("repeat with PRISM_SEED={}", seed));
    CompareTable(seed, tally);
    if (HasFatalFailure()) return;
  }
  fmt::print("seeds {} to {}: {} comparisons, {} matches, {} filters that tell records apart\n",
             first, first + tables - 1, tally.compared, tally.matched, tally.telling);
  EXPECT_EQ(tally.compared, tables * kRecords * kFiltersOfATable);
  EXPECT_GT(tally.telling, tables * kFiltersOfATable / 2);
}

}  // namespace
}  // namespace prism::filter

// Every example of docs/guides/filters.md, by the evaluator and by SQLite.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/number_text.h"
#include "base/strings.h"
#include "base/time_text.h"
#include "tests/filter/sample_table.h"

namespace prism::filter {
namespace {

using Row = std::vector<std::string>;
using Table = std::vector<Row>;  // the header first

const Schema& GuideSchema() {
  static const Schema schema({
      {.name = "name", .column = "name", .searched = true},
      {.name = "backend", .column = "backend"},
      {.name = "count", .type = Type::kInt64, .column = "count"},
      {.name = "ratio", .type = Type::kDouble, .column = "ratio"},
      {.name = "audited", .type = Type::kBool, .column = "audited"},
      {.name = "created_at", .type = Type::kTimestamp, .column = "created_at"},
      {.name = "ttl", .type = Type::kDuration, .column = "ttl", .unit = TimeUnit::kMillis},
      {.name = "status",
       .type = Type::kEnum,
       .column = "status",
       .names = {"active", "disabled", "migrating"}},
      {.name = "tags", .type = Type::kStringList, .column = "tags", .searched = true},
      {.name = "labels", .type = Type::kStringMap, .column = "labels"},
  });
  return schema;
}

Row Split(std::string_view text, char separator) {
  Row parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.emplace_back(base::Trim(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// The tables of the page, in their order.
std::vector<Table> LoadTables() {
  std::ifstream page(PRISM_FILTER_GUIDE);
  std::vector<Table> tables;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    const bool row = line.starts_with("| ");
    if (row && !inside) tables.emplace_back();
    if (row) tables.back().push_back(Split(std::string_view(line).substr(1), '|'));
    inside = line.starts_with('|');
  }
  return tables;
}

StringMap MapOf(const Row& pairs) {
  StringMap map;
  for (const std::string& pair : pairs) {
    const std::size_t equals = pair.find('=');
    map[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return map;
}

Cell CellOf(Type type, const std::string& text) {
  if (text.empty()) return {};
  switch (type) {
    case Type::kInt64:
      return base::ParseSigned(text).value();
    case Type::kDouble:
      return base::ParseDouble(text).value();
    case Type::kBool:
      return text == "true";
    case Type::kTimestamp:
      return base::ParseTimestamp(text).value();
    case Type::kDuration:
      return base::ParseSeconds(text).value();
    case Type::kStringList:
      return Split(text, ',');
    case Type::kStringMap:
      return MapOf(Split(text, ','));
    default:
      return text;
  }
}

MemoryRecord RecordOf(const Row& row) {
  std::vector<Cell> cells;
  for (std::size_t i = 0; i < row.size(); ++i) {
    cells.push_back(CellOf(GuideSchema().at(i).type, row[i]));
  }
  return MemoryRecord(std::move(cells));
}

class FilterGuide : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_FALSE(tables_.empty());
    const Table& records = tables_.front();
    for (std::size_t i = 0; i < records.front().size(); ++i) {
      ASSERT_EQ(records.front()[i], GuideSchema().at(i).name);
    }
    for (std::size_t i = 1; i < records.size(); ++i) records_.push_back(RecordOf(records[i]));
  }

  std::string NameOf(std::size_t record) const { return tables_.front()[record + 1].front(); }

  std::string FoundByEvaluator(const Filter& filter) const {
    Row names;
    for (std::size_t i = 0; i < records_.size(); ++i) {
      if (filter.Matches(records_[i])) names.push_back(NameOf(i));
    }
    return fmt::to_string(fmt::join(names, ", "));
  }

  std::string FoundBySqlite(const Filter& filter) const {
    auto table = SampleTable::Create(GuideSchema(), records_);
    if (!table) return table.error().ToString();
    const auto found = table->Matching(filter);
    if (!found) return found.error().ToString();
    Row names;
    for (const std::size_t record : *found) names.push_back(NameOf(record));
    return fmt::to_string(fmt::join(names, ", "));
  }

  // The rows of all tables with this header; filters without their backticks.
  Table Examples(const Row& header) const {
    Table examples;
    for (const Table& table : tables_) {
      if (table.front() != header) continue;
      for (std::size_t i = 1; i < table.size(); ++i) {
        Row row = table[i];
        row.front() = row.front().substr(1, row.front().size() - 2);
        row.resize(header.size());
        examples.push_back(std::move(row));
      }
    }
    return examples;
  }

  std::vector<Table> tables_ = LoadTables();
  std::vector<MemoryRecord> records_;
};

TEST_F(FilterGuide, FiltersFindWhatThePageSays) {
  const Table examples = Examples({"filter", "finds"});
  EXPECT_GT(examples.size(), 40U);
  for (const Row& example : examples) {
    const auto filter = Filter::Compile(example[0], GuideSchema());
    ASSERT_TRUE(filter) << filter.error().ToString();
    EXPECT_EQ(FoundByEvaluator(*filter), example[1]) << example[0];
    EXPECT_EQ(FoundBySqlite(*filter), example[1]) << example[0];
  }
}

TEST_F(FilterGuide, RefusesWhatThePageSays) {
  const Table examples = Examples({"filter", "reason"});
  EXPECT_GE(examples.size(), 10U);
  for (const Row& example : examples) {
    const auto filter = Filter::Compile(example[0], GuideSchema());
    EXPECT_EQ(filter ? "" : filter.error().reason(), example[1]) << example[0];
  }
}

}  // namespace
}  // namespace prism::filter

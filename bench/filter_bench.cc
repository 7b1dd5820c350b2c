// Filters: from text to conditions and to SQL, and what each record of a list costs, in memory and
// in SQLite.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "filter/sql.h"
#include "filter/testing/every_type.h"
#include "tests/filter/random_filters.h"
#include "tests/filter/sample_table.h"

namespace prism::filter {
namespace {

constexpr std::size_t kRecords = 10'000;

constexpr std::string_view kShort = R"(status = active)";
constexpr std::string_view kUsual =
    R"((name:"a" OR labels.team = "payments*") AND tags:production AND count > 1000)";
constexpr std::string_view kLongest =
    "count > 1 count > 2 count > 3 count > 4 count > 5 ratio < 1 ratio < 2 ratio < 3 ratio < 4 "
    "ratio < 5 name:a name:b name:c name:d name:e tags:a tags:b tags:c tags:d tags:e";

Filter Compiled(std::string_view text, const Schema& schema) {
  auto filter = Filter::Compile(text, schema);
  if (!filter) std::abort();
  return *std::move(filter);
}

std::vector<MemoryRecord> ManyRecords() {
  RandomFilters random(1, TimeUnit::kSeconds);
  std::vector<MemoryRecord> records;
  for (std::size_t i = 0; i < kRecords; ++i) records.push_back(random.Record());
  return records;
}

void Compile(benchmark::State& state, std::string_view text) {
  const Schema schema = EveryType();
  for (auto _ : state) {
    auto filter = Filter::Compile(text, schema);
    if (!filter) std::abort();
    benchmark::DoNotOptimize(filter);
  }
}

void WriteSql(benchmark::State& state, std::string_view text) {
  const Schema schema = EveryType();
  const Filter filter = Compiled(text, schema);
  for (auto _ : state) {
    auto sql = ToSql(filter);
    if (!sql) std::abort();
    benchmark::DoNotOptimize(sql);
  }
}

// One iteration is one record.
void Evaluate(benchmark::State& state, std::string_view text) {
  const Schema schema = EveryType();
  const Filter filter = Compiled(text, schema);
  const std::vector<MemoryRecord> records = ManyRecords();
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(filter.Matches(records[next]));
    next = next + 1 == records.size() ? 0 : next + 1;
  }
}

// One iteration is the whole table of 10,000.
void SearchTable(benchmark::State& state, std::string_view text) {
  const Schema schema = EveryType();
  const Filter filter = Compiled(text, schema);
  auto table = SampleTable::Create(schema, ManyRecords());
  if (!table) std::abort();
  for (auto _ : state) {
    auto found = table->Matching(filter);
    if (!found) std::abort();
    benchmark::DoNotOptimize(found);
  }
}

BENCHMARK_CAPTURE(Compile, Short, kShort);
BENCHMARK_CAPTURE(Compile, Usual, kUsual);
BENCHMARK_CAPTURE(Compile, Longest, kLongest);
BENCHMARK_CAPTURE(WriteSql, Usual, kUsual);
BENCHMARK_CAPTURE(Evaluate, Short, kShort);
BENCHMARK_CAPTURE(Evaluate, Usual, kUsual);
BENCHMARK_CAPTURE(SearchTable, Short, kShort);
BENCHMARK_CAPTURE(SearchTable, Usual, kUsual);

}  // namespace
}  // namespace prism::filter

// Filters as clients send them: what is refused says where and why; what is accepted is answered by
// the evaluator and by SQLite alike, and its negation by the other records.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/number_text.h"
#include "filter/testing/every_type.h"
#include "tests/filter/random_filters.h"
#include "tests/filter/sample_table.h"

namespace {

using namespace prism::filter;  // NOLINT(google-build-using-namespace): everything here is of it

constexpr std::size_t kRecords = 8;
constexpr Limits kWide = {.max_bytes = 1 << 16, .max_clauses = 60, .max_depth = 30};

void Require(bool holds) {
  if (!holds) std::abort();
}

// Records that differ in everything, and their table.
class Samples {
 public:
  Samples() {
    RandomFilters random(7, TimeUnit::kMillis);
    for (std::size_t i = 0; i < kRecords; ++i) records.push_back(random.Record());
  }

  const Schema schema = EveryType(TimeUnit::kMillis);
  std::vector<MemoryRecord> records;
};

const Samples& AllSamples() {
  static const Samples samples;
  return samples;
}

std::vector<std::size_t> ByEvaluator(const Filter& filter, bool expected) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < kRecords; ++i) {
    if (filter.Matches(AllSamples().records[i]) == expected) found.push_back(i);
  }
  return found;
}

std::vector<std::size_t> BySqlite(const Filter& filter) {
  static SampleTable table = *SampleTable::Create(AllSamples().schema, AllSamples().records);
  auto found = table.Matching(filter);
  Require(found.has_value());
  return *std::move(found);
}

void CheckRefusal(const prism::Error& error, std::string_view text) {
  Require(error.code() == prism::Code::kInvalidArgument);
  Require(error.reason().starts_with("FILTER_") && !error.message().empty());
  Require(!error.metadata().empty() && error.metadata().front().first == "column");
  const auto column = prism::base::ParseUnsigned(error.metadata().front().second);
  Require(column.has_value() && *column >= 1 && *column <= text.size() + 1);
}

// In parentheses a filter means the same, and behind NOT the opposite.
void CheckNegation(const Filter& filter, std::string_view text) {
  const std::string inside = "(" + std::string(text) + "\n)";
  const auto same = Filter::Compile(inside, AllSamples().schema, kWide);
  const auto opposite = Filter::Compile("NOT " + inside, AllSamples().schema, kWide);
  if (!same) return Require(!opposite);  // the empty filter, or one parenthesis too many
  Require(ByEvaluator(*same, true) == ByEvaluator(filter, true));
  Require(ByEvaluator(*opposite, true) == ByEvaluator(filter, false));
  Require(BySqlite(*opposite) == ByEvaluator(filter, false));
}

void Check(std::string_view text, const Limits& limits) {
  const auto filter = Filter::Compile(text, AllSamples().schema, limits);
  if (!filter) return CheckRefusal(filter.error(), text);
  Require(BySqlite(*filter) == ByEvaluator(*filter, true));
  CheckNegation(*filter, text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Check(text, {});
  Check(text, kWide);
  return 0;
}

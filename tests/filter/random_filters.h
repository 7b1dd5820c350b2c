// Random records and filters over the schema with every type.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "filter/schema.h"
#include "filter/testing/memory_record.h"

namespace prism::filter {

// The same seed makes the same sequence. Values of records and of filters come from the same few,
// so that equality and the neighbourhood of every value happen often: text that differs in case, in
// wildcards of SQL, in how it is composed; numbers around 2^53 and 2^63; times a nanosecond apart;
// empty and missing ones.
class RandomFilters {
 public:
  RandomFilters(std::uint64_t seed, TimeUnit unit) : random_(seed), unit_(unit) {}

  MemoryRecord Record();
  // Always accepted by the schema.
  std::string Filter();

 private:
  std::size_t Below(std::size_t limit) { return random_() % limit; }
  bool OneIn(std::size_t n) { return Below(n) == 0; }
  std::string Text();
  std::int64_t Whole();
  double Real();
  // Before 1970 and after, also beyond what a column of nanoseconds holds.
  Instant Time(bool storable);
  StringList List();
  StringMap Map();
  Cell CellOf(std::size_t field);

  std::string Level(int depth);
  std::string Term(int depth);
  std::string Clause();
  std::string TextClause(std::string_view field);
  std::string ListClause(std::string_view field);
  std::string ValuesFor(std::size_t field);
  std::string ValueFor(std::size_t field);
  std::string Pattern();
  std::string Sign(bool ordered);
  std::string Space();

  std::mt19937_64 random_;
  TimeUnit unit_;
};

}  // namespace prism::filter

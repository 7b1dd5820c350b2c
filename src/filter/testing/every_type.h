// A schema with a field of every type and a function, for tests, fuzzing and benchmarks.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "filter/schema.h"

namespace prism::filter {

// Indexes of the fields.
namespace every {
inline constexpr std::size_t kName = 0;
inline constexpr std::size_t kNote = 1;
inline constexpr std::size_t kCount = 2;
inline constexpr std::size_t kRatio = 3;
inline constexpr std::size_t kAudited = 4;
inline constexpr std::size_t kCreated = 5;
inline constexpr std::size_t kTtl = 6;
inline constexpr std::size_t kStatus = 7;
inline constexpr std::size_t kTags = 8;
inline constexpr std::size_t kLabels = 9;
inline constexpr std::size_t kFields = 10;
}  // namespace every

// busier_than(N) is short for "count > N audited = true".
inline Expression BusierThan(std::span<const Literal> arguments) {
  const Literal yes = {.text = "true", .source = "true", .column = arguments[0].column};
  Expression both;
  both.children.push_back({.kind = Expression::Kind::kComparison,
                           .member = {.parts = {"count"}},
                           .comparator = Comparator::kGreater,
                           .literal = arguments[0]});
  both.children.push_back({.kind = Expression::Kind::kComparison,
                           .member = {.parts = {"audited"}},
                           .comparator = Comparator::kEquals,
                           .literal = yes});
  return both;
}

inline Schema EveryType(TimeUnit unit = TimeUnit::kSeconds) {
  std::vector<Field> fields = {
      {.name = "name", .column = "name", .searched = true},
      {.name = "owner.note", .column = "owner_note"},
      {.name = "count", .type = Type::kInt64, .column = "count"},
      {.name = "ratio", .type = Type::kDouble, .column = "ratio"},
      {.name = "audited", .type = Type::kBool, .column = "audited"},
      {.name = "created_at", .type = Type::kTimestamp, .column = "created_at", .unit = unit},
      {.name = "ttl", .type = Type::kDuration, .column = "ttl", .unit = unit},
      {.name = "status",
       .type = Type::kEnum,
       .column = "status",
       .names = {"active", "disabled", "migrating"}},
      {.name = "tags", .type = Type::kStringList, .column = "tags", .searched = true},
      {.name = "labels", .type = Type::kStringMap, .column = "labels"},
  };
  return Schema(std::move(fields), {{.name = "busier_than", .arguments = 1, .expand = BusierThan}});
}

}  // namespace prism::filter

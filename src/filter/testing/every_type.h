// A schema with a field of every type, for tests, fuzzing and benchmarks.
#pragma once

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

inline Schema EveryType(TimeUnit unit = TimeUnit::kSeconds) {
  return Schema({
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
  });
}

}  // namespace prism::filter

// How many items a page of a list has.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace prism::gateway {

inline constexpr std::int32_t kDefaultPageSize = 100;
inline constexpr std::int32_t kMaxPageSize = 1000;

// INVALID_ARGUMENT/BAD_PAGE_SIZE.
inline Result<std::size_t> PageSizeOf(std::int32_t asked) {
  if (asked == 0) return kDefaultPageSize;
  if (asked > 0 && asked <= kMaxPageSize) return static_cast<std::size_t>(asked);
  return std::unexpected(InvalidField(
      "BAD_PAGE_SIZE", "page_size",
      fmt::format("must be from 1 to {}; leave it out for {}", kMaxPageSize, kDefaultPageSize)));
}

}  // namespace prism::gateway

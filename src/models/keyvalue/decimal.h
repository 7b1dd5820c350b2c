// What Increment takes for an integer, the same on every store.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace prism::models {

// An int64 in decimal ASCII: an optional '-', then digits, nothing else. Leading zeros are fine; an
// empty value, '+', spaces and numbers beyond int64 are not.
inline std::optional<std::int64_t> ParseDecimal(std::string_view text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || parsed != end) return std::nullopt;
  return value;
}

// Nothing on overflow.
inline std::optional<std::int64_t> AddDecimal(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

}  // namespace prism::models

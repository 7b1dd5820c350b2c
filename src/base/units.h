// Durations and sizes as people write them, in flags and configuration alike.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::base {

// "10s", "1m30s", "250ms", "1.5h", "-2s": whole or decimal numbers, each with one of the units ms,
// s, m, h, d (24 h). A bare number is refused, "0" excepted: nobody can tell what its unit is. What
// is finer than a millisecond rounds up, away from zero. INVALID_ARGUMENT/BAD_DURATION otherwise,
// and when it exceeds 100,000 days.
Result<std::chrono::milliseconds> ParseDuration(std::string_view text);

// The shortest spelling that ParseDuration reads back: "1m30s", "250ms", "0s".
std::string FormatDuration(std::chrono::milliseconds duration);

// "256KiB", "4MiB", "1.5GiB", "10 GiB", "500MB" (powers of ten), "4096" and "4096B" (bytes). Upper
// and lower case are the same; K, M, G and T without B are powers of two, as in most such tools.
// INVALID_ARGUMENT/BAD_SIZE otherwise, when negative, or above 2^63 - 1.
Result<std::uint64_t> ParseSize(std::string_view text);

// The largest binary unit that divides the size ("4MiB", "1536KiB", "1000B"): exact, so ParseSize
// reads it back.
std::string FormatSize(std::uint64_t bytes);

// For people: three digits and a binary unit, "1.50 MiB"; not exact.
std::string HumanSize(std::uint64_t bytes);

}  // namespace prism::base

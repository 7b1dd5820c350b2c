// Timestamp and Duration as text, by the comments of timestamp.proto and duration.proto.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/number_text.h"

namespace prism::base {

// The fields of either message. In a Duration both have the same sign.
struct SecondsAndNanos {
  std::int64_t seconds = 0;
  std::int32_t nanos = 0;

  bool operator==(const SecondsAndNanos&) const = default;
};

// RFC 3339 with "Z" or an offset, at most nine digits of a second: "2026-11-21T08:00:00.5+01:00".
// Years 0001 to 9999, before and after the offset; no leap seconds.
std::expected<SecondsAndNanos, TextFault> ParseTimestamp(std::string_view text);
// In UTC, with 0, 3, 6 or 9 digits of a second. False out of range.
bool AppendTimestamp(const SecondsAndNanos& time, std::string& out);

// Seconds with at most nine more digits: "-1.5s"; up to 315,576,000,000 either way (10,000 years).
std::expected<SecondsAndNanos, TextFault> ParseSeconds(std::string_view text);
// With 0, 3, 6 or 9 digits. False out of range and when the signs differ.
bool AppendSeconds(const SecondsAndNanos& duration, std::string& out);

}  // namespace prism::base

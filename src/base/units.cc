#include "base/units.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "base/strings.h"

namespace prism::base {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::uint64_t kDayMillis = 86'400'000;
constexpr std::array kDurationUnits = {Unit{"d", kDayMillis}, Unit{"h", 3'600'000},
                                       Unit{"m", 60'000}, Unit{"s", 1000}, Unit{"ms", 1}};
constexpr std::uint64_t kMaxDurationMillis = 100'000 * kDayMillis;

constexpr std::array kSizeUnits = {Unit{"tib", 1ull << 40},
                                   Unit{"gib", 1ull << 30},
                                   Unit{"mib", 1ull << 20},
                                   Unit{"kib", 1ull << 10},
                                   Unit{"tb", 1'000'000'000'000},
                                   Unit{"gb", 1'000'000'000},
                                   Unit{"mb", 1'000'000},
                                   Unit{"kb", 1000},
                                   Unit{"t", 1ull << 40},
                                   Unit{"g", 1ull << 30},
                                   Unit{"m", 1ull << 20},
                                   Unit{"k", 1ull << 10},
                                   Unit{"b", 1},
                                   Unit{"", 1}};
constexpr std::array<std::pair<std::string_view, int>, 5> kBinaryUnits = {
    {{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"B", 0}}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string_view TakeWhile(std::string_view& text, bool (*accept)(char)) {
  std::size_t length = 0;
  while (length < text.size() && accept(text[length])) ++length;
  const std::string_view taken = text.substr(0, length);
  text.remove_prefix(length);
  return taken;
}

// A decimal number in lowest terms of what the scaled parse below needs.
struct Decimal {
  std::string_view whole;
  std::string_view fraction;
};

std::optional<Decimal> TakeDecimal(std::string_view& text) {
  Decimal number{.whole = TakeWhile(text, IsDigit), .fraction = {}};
  if (number.whole.empty()) return std::nullopt;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    number.fraction = TakeWhile(text, IsDigit);
    if (number.fraction.empty()) return std::nullopt;
  }
  return number;
}

// number * factor, rounded up; exact integer arithmetic, since doubles lose bytes above 2^53.
// Nothing when it exceeds `max` or the fraction has more than 18 digits.
std::optional<std::uint64_t> Scale(const Decimal& number, std::uint64_t factor, std::uint64_t max) {
  using Wide = unsigned __int128;
  Wide whole = 0;
  for (const char digit : number.whole) {
    whole = whole * 10 + static_cast<unsigned>(digit - '0');
    if (whole > max) return std::nullopt;
  }
  if (number.fraction.size() > 18) return std::nullopt;
  Wide fraction = 0;
  Wide scale = 1;
  for (const char digit : number.fraction) {
    fraction = fraction * 10 + static_cast<unsigned>(digit - '0');
    scale *= 10;
  }
  const Wide total = whole * factor + (fraction * factor + scale - 1) / scale;
  if (total > max) return std::nullopt;
  return static_cast<std::uint64_t>(total);
}

const Unit* FindUnit(std::span<const Unit> units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

Error BadDuration(std::string_view text, std::string_view why) {
  return Error(Code::kInvalidArgument, "BAD_DURATION",
               fmt::format("\"{}\" is no duration: {}; write numbers with a unit of ms, s, m, h or "
                           "d, such as 250ms, "
                           "10s or 1m30s",
                           text, why));
}

Error BadSize(std::string_view text, std::string_view why) {
  return Error(
      Code::kInvalidArgument, "BAD_SIZE",
      fmt::format(
          "\"{}\" is no size: {}; write a number of bytes or a unit, such as 4096, 256KiB or 4MiB",
          text, why));
}

}  // namespace

Result<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative) rest.remove_prefix(1);
  if (rest == "0") return std::chrono::milliseconds(0);
  if (rest.empty()) return std::unexpected(BadDuration(text, "it is empty"));

  std::uint64_t total = 0;
  while (!rest.empty()) {
    const std::optional<Decimal> number = TakeDecimal(rest);
    if (!number) return std::unexpected(BadDuration(text, "a number is missing"));
    const std::string_view name = TakeWhile(rest, IsLetter);
    if (name.empty()) return std::unexpected(BadDuration(text, "a unit is missing"));
    const Unit* unit = FindUnit(kDurationUnits, name);
    if (unit == nullptr) {
      return std::unexpected(BadDuration(text, fmt::format("the unit \"{}\" is unknown", name)));
    }
    const std::optional<std::uint64_t> part = Scale(*number, unit->factor, kMaxDurationMillis);
    total += part.value_or(0);
    if (!part || total > kMaxDurationMillis) {
      return std::unexpected(BadDuration(text, "it is longer than 100000 days"));
    }
  }
  const auto millis = static_cast<std::int64_t>(total);
  return std::chrono::milliseconds(negative ? -millis : millis);
}

std::string FormatDuration(std::chrono::milliseconds duration) {
  if (duration.count() == 0) return "0s";
  std::string text = duration.count() < 0 ? "-" : "";
  // Negating the smallest value would overflow as a signed number.
  std::uint64_t left = duration.count() < 0 ? 0 - static_cast<std::uint64_t>(duration.count())
                                            : static_cast<std::uint64_t>(duration.count());
  for (const Unit& unit : kDurationUnits) {
    if (left < unit.factor) continue;
    text += fmt::format("{}{}", left / unit.factor, unit.name);
    left %= unit.factor;
  }
  return text;
}

Result<std::uint64_t> ParseSize(std::string_view text) {
  std::string_view rest = text;
  const std::optional<Decimal> number = TakeDecimal(rest);
  if (!number) return std::unexpected(BadSize(text, "it does not start with a number"));
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  std::string name;
  for (const char c : rest) name += ToLower(c);
  const Unit* unit = FindUnit(kSizeUnits, name);
  if (unit == nullptr)
    return std::unexpected(BadSize(text, fmt::format("the unit \"{}\" is unknown", rest)));
  const std::optional<std::uint64_t> bytes =
      Scale(*number, unit->factor, std::numeric_limits<std::int64_t>::max());
  if (!bytes) return std::unexpected(BadSize(text, "it is too large"));
  return *bytes;
}

std::string FormatSize(std::uint64_t bytes) {
  for (const auto& [name, shift] : kBinaryUnits) {
    const std::uint64_t unit = 1ull << shift;
    if (bytes >= unit && bytes % unit == 0) return fmt::format("{}{}", bytes >> shift, name);
  }
  return "0B";
}

std::string HumanSize(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  for (const auto& [name, shift] : kBinaryUnits) {
    if (bytes >> shift == 0) continue;
    const double value = static_cast<double>(bytes) / static_cast<double>(1ull << shift);
    const int digits = value < 10 ? 2 : value < 100 ? 1 : 0;
    return fmt::format("{:.{}f} {}", value, digits, name);
  }
  return "0 B";
}

}  // namespace prism::base

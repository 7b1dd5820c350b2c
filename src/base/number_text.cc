#include "base/number_text.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <system_error>

namespace prism::base {
namespace {

constexpr std::int64_t kMaxExponent = 1'000'000'000'000;  // beyond any text, far from overflow

// (-1)^negative * whole.fraction * 10^exponent
struct Decimal {
  bool negative = false;
  std::string_view whole = {};
  std::string_view fraction = {};
  std::int64_t exponent = 0;

  // Digits before the decimal point once the exponent is applied.
  std::int64_t WholeDigits() const { return static_cast<std::int64_t>(whole.size()) + exponent; }
  char Digit(std::size_t i) const {
    return i < whole.size() ? whole[i] : fraction[i - whole.size()];
  }
  std::size_t digits() const { return whole.size() + fraction.size(); }
  // The index of the first digit that counts; digits() for zero.
  std::size_t FirstDigit() const {
    std::size_t i = 0;
    while (i < digits() && Digit(i) == '0') ++i;
    return i;
  }
};

std::string_view TakeDigits(std::string_view& text) {
  const auto* end = std::ranges::find_if_not(text, [](char c) { return c >= '0' && c <= '9'; });
  const std::string_view digits(text.begin(), end);
  text.remove_prefix(digits.size());
  return digits;
}

bool TakeIf(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// Nothing when the text is not a number.
std::optional<Decimal> Split(std::string_view text) {
  Decimal decimal{.negative = TakeIf(text, '-')};
  decimal.whole = TakeDigits(text);
  if (decimal.whole.empty() || (decimal.whole.size() > 1 && decimal.whole[0] == '0')) {
    return std::nullopt;
  }
  if (TakeIf(text, '.')) {
    decimal.fraction = TakeDigits(text);
    if (decimal.fraction.empty()) return std::nullopt;
  }
  if (TakeIf(text, 'e') || TakeIf(text, 'E')) {
    const bool negative = TakeIf(text, '-');
    if (!negative) TakeIf(text, '+');
    const std::string_view digits = TakeDigits(text);
    if (digits.empty()) return std::nullopt;
    for (const char c : digits) {
      decimal.exponent = std::min(decimal.exponent * 10 + (c - '0'), kMaxExponent);
    }
    if (negative) decimal.exponent = -decimal.exponent;
  }
  if (!text.empty()) return std::nullopt;
  return decimal;
}

bool AppendDigit(std::uint64_t& value, char digit) {
  return !__builtin_mul_overflow(value, 10u, &value) &&
         !__builtin_add_overflow(value, static_cast<std::uint64_t>(digit - '0'), &value);
}

std::expected<std::uint64_t, TextFault> Magnitude(const Decimal& decimal) {
  std::uint64_t value = 0;
  const std::int64_t whole = decimal.WholeDigits();
  for (std::size_t i = decimal.FirstDigit(); i < decimal.digits(); ++i) {
    if (static_cast<std::int64_t>(i) >= whole) {
      if (decimal.Digit(i) != '0') return std::unexpected(TextFault::kNotWhole);
    } else if (!AppendDigit(value, decimal.Digit(i))) {
      return std::unexpected(TextFault::kRange);
    }
  }
  // Ends by overflow after at most 20 zeros.
  for (auto i = static_cast<std::int64_t>(decimal.digits()); value != 0 && i < whole; ++i) {
    if (!AppendDigit(value, '0')) return std::unexpected(TextFault::kRange);
  }
  return value;
}

template <class T>
std::expected<T, TextFault> ParseReal(std::string_view text) {
  const std::optional<Decimal> decimal = Split(text);
  if (!decimal) return std::unexpected(TextFault::kSyntax);
  T value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec == std::errc()) return value;
  // Too large and too small are told alike: where the first digit stands decides.
  const auto first = static_cast<std::int64_t>(decimal->FirstDigit());
  if (decimal->WholeDigits() > first) return std::unexpected(TextFault::kRange);
  return decimal->negative ? -T{0} : T{0};
}

}  // namespace

std::expected<std::int64_t, TextFault> ParseSigned(std::string_view text) {
  const std::optional<Decimal> decimal = Split(text);
  if (!decimal) return std::unexpected(TextFault::kSyntax);
  const auto magnitude = Magnitude(*decimal);
  if (!magnitude) return std::unexpected(magnitude.error());
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  if (*magnitude > kMax + (decimal->negative ? 1 : 0)) return std::unexpected(TextFault::kRange);
  return static_cast<std::int64_t>(decimal->negative ? -*magnitude : *magnitude);
}

std::expected<std::uint64_t, TextFault> ParseUnsigned(std::string_view text) {
  const std::optional<Decimal> decimal = Split(text);
  if (!decimal) return std::unexpected(TextFault::kSyntax);
  const auto magnitude = Magnitude(*decimal);
  if (magnitude && *magnitude > 0 && decimal->negative) {
    return std::unexpected(TextFault::kRange);
  }
  return magnitude;
}

std::expected<double, TextFault> ParseDouble(std::string_view text) {
  return ParseReal<double>(text);
}

std::expected<float, TextFault> ParseFloat(std::string_view text) { return ParseReal<float>(text); }

bool IsCanonicalInteger(std::string_view text) {
  const std::optional<Decimal> decimal = Split(text);
  return decimal && text != "-0" &&
         text.size() == decimal->whole.size() + (decimal->negative ? 1 : 0);
}

}  // namespace prism::base

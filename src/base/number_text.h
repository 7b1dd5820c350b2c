// Numbers as JSON spells them (RFC 8259 section 6), inside and outside of strings.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

namespace prism::base {

// Why a text is not a value.
enum class TextFault : std::uint8_t {
  kSyntax,
  kNotWhole,  // a fraction where a whole number belongs
  kRange,
};

// Any spelling of a whole number, exactly: "12", "1.2e1", "120e-1".
std::expected<std::int64_t, TextFault> ParseSigned(std::string_view text);
std::expected<std::uint64_t, TextFault> ParseUnsigned(std::string_view text);

// The nearest value; kRange above the largest one, zero below the smallest.
std::expected<double, TextFault> ParseDouble(std::string_view text);
std::expected<float, TextFault> ParseFloat(std::string_view text);

// A decimal integer as keys of maps spell it: no fraction, exponent, leading zero or "-0", so that
// each number has one spelling.
bool IsCanonicalInteger(std::string_view text);

}  // namespace prism::base

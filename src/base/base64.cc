#include "base/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace prism::base {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kForeign = 0xff;
constexpr std::uint32_t kForeignBit = 0x80;  // no value of a character has it

constexpr std::array<std::uint8_t, 256> kValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kForeign);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

std::uint32_t Octet(char c) { return static_cast<unsigned char>(c); }
std::uint32_t Value(char c) { return kValues[Octet(c)]; }

}  // namespace

std::string Base64Encode(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4, '=');
  auto out = text.begin();
  while (bytes.size() >= 3) {
    const std::uint32_t group = Octet(bytes[0]) << 16 | Octet(bytes[1]) << 8 | Octet(bytes[2]);
    *out++ = kAlphabet[group >> 18];
    *out++ = kAlphabet[group >> 12 & 63];
    *out++ = kAlphabet[group >> 6 & 63];
    *out++ = kAlphabet[group & 63];
    bytes.remove_prefix(3);
  }
  if (bytes.empty()) return text;
  std::uint32_t group = Octet(bytes[0]) << 16;
  if (bytes.size() == 2) group |= Octet(bytes[1]) << 8;
  *out++ = kAlphabet[group >> 18];
  *out++ = kAlphabet[group >> 12 & 63];
  if (bytes.size() == 2) *out = kAlphabet[group >> 6 & 63];
  return text;
}

std::string Base64EncodeUnpadded(std::string_view bytes) {
  std::string text = Base64Encode(bytes);
  text.resize((bytes.size() * 4 + 2) / 3);
  return text;
}

std::optional<std::string> Base64Decode(std::string_view text) {
  if (text.size() % 4 == 0) {
    if (text.ends_with("==")) {
      text.remove_suffix(2);
    } else if (text.ends_with('=')) {
      text.remove_suffix(1);
    }
  }
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes(text.size() * 3 / 4, '\0');
  auto out = bytes.begin();
  while (text.size() >= 4) {
    const std::uint32_t a = Value(text[0]);
    const std::uint32_t b = Value(text[1]);
    const std::uint32_t c = Value(text[2]);
    const std::uint32_t d = Value(text[3]);
    if (((a | b | c | d) & kForeignBit) != 0) return std::nullopt;
    *out++ = static_cast<char>(a << 2 | b >> 4);
    *out++ = static_cast<char>((b & 15) << 4 | c >> 2);
    *out++ = static_cast<char>((c & 3) << 6 | d);
    text.remove_prefix(4);
  }
  std::uint32_t buffer = 0;
  for (const char c : text) {
    if ((Value(c) & kForeignBit) != 0) return std::nullopt;
    buffer = buffer << 6 | Value(c);
  }
  // Two characters more are a byte and 4 bits, three are two bytes and 2 bits.
  if (text.size() == 3) *out++ = static_cast<char>(buffer >> 10 & 0xff);
  if (text.size() >= 2) {
    const int unused = text.size() == 2 ? 4 : 2;
    if ((buffer & ((1u << unused) - 1)) != 0) return std::nullopt;
    *out = static_cast<char>(buffer >> unused & 0xff);
  }
  return bytes;
}

std::optional<std::string> Base64UrlDecode(std::string_view text) {
  if (text.find_first_of("+/") != std::string_view::npos) return std::nullopt;
  std::string standard(text);
  std::ranges::replace(standard, '-', '+');
  std::ranges::replace(standard, '_', '/');
  return Base64Decode(standard);
}

std::optional<std::string> Base64DecodeEither(std::string_view text) {
  const bool for_urls = text.find_first_of("-_") != std::string_view::npos;
  return for_urls ? Base64UrlDecode(text) : Base64Decode(text);
}

}  // namespace prism::base

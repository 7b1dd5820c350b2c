#include "namespaces/text_bounds.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace prism::namespaces {

namespace {

// `text` is UTF-8, in which C1 is C2 80 to C2 9F.
bool HasControl(std::string_view text) {
  unsigned char before = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (before == 0xc2 && byte < 0xa0)) return true;
    before = byte;
  }
  return false;
}

// U+2028 to U+202E and U+2066 to U+2069.
bool HasBidiOrLineEnd(std::string_view text) {
  constexpr std::string_view kFirst = "\xe2\x80";
  constexpr std::string_view kSecond = "\xe2\x81";
  for (std::size_t at = text.find('\xe2'); at < text.size(); at = text.find('\xe2', at + 1)) {
    const std::string_view lead = text.substr(at, 2);
    const auto last = static_cast<unsigned char>(text[at + 2]);
    if (lead == kFirst && last >= 0xa8 && last <= 0xae) return true;
    if (lead == kSecond && last >= 0xa6 && last <= 0xa9) return true;
  }
  return false;
}

}  // namespace

std::optional<std::string> WrongText(std::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes) return fmt::format("must have at most {} bytes", max_bytes);
  if (!base::IsValidUtf8(text)) return "must be UTF-8";
  if (HasControl(text) || HasBidiOrLineEnd(text))
    return "must be one line without control characters";
  return std::nullopt;
}

}  // namespace prism::namespaces

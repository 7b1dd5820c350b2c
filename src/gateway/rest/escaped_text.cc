#include "gateway/rest/escaped_text.h"

#include <optional>

#include "base/percent.h"
#include "base/utf8.h"

namespace prism::gateway {

namespace {

bool NeedsNoEscape(char c) {
  constexpr std::string_view kMarks = "-._~:/@";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         kMarks.contains(c);
}

bool MayStandThere(char c, TextPlace place) {
  if (place == TextPlace::kHeader) return c >= ' ' && c < 0x7f;
  return c > ' ' && c < 0x7f && c != '#';
}

Error BadText(std::string_view reason, std::string_view field, std::string_view description) {
  return InvalidField(reason, std::string(field), std::string(description));
}

}  // namespace

Result<std::string> DecodeText(std::string_view text, TextPlace place, std::string_view field) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!MayStandThere(c, place)) {
      return std::unexpected(BadText("CHARACTER_NOT_ESCAPED", field,
                                     "has a character that must be escaped: write its UTF-8 bytes "
                                     "as %XX"));
    }
    if (c == '%') {
      const std::optional<char> escaped = base::PercentEscapeAt(text, i);
      if (!escaped) {
        return std::unexpected(BadText("PERCENT_ESCAPE_INVALID", field,
                                       "has a % without two hexadecimal digits: write %25 for the "
                                       "character itself"));
      }
      decoded += *escaped;
      i += 2;
    } else {
      decoded += c == '+' && place == TextPlace::kQuery ? ' ' : c;
    }
  }
  if (!base::IsValidUtf8(decoded)) {
    return std::unexpected(BadText("MALFORMED_MESSAGE", field,
                                   "is not UTF-8 once its escapes are decoded: names are text"));
  }
  return decoded;
}

std::string EncodeText(std::string_view text) {
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (NeedsNoEscape(c)) {
      encoded += c;
    } else {
      base::AppendPercentEscape(encoded, c);
    }
  }
  return encoded;
}

}  // namespace prism::gateway

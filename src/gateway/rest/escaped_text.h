// Text as URLs and headers carry it: percent-encoded UTF-8 (RFC 3986 section 2.1). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::gateway {

// Where a text stands decides what some of its characters mean.
enum class TextPlace : std::uint8_t {
  kPath,       // '+' is a plus
  kQuery,      // '+' is a space, as every library for HTML forms writes it
  kQueryCode,  // '+' is a plus: of base64
  kHeader,     // '+' is a plus, a space is itself
};

// INVALID_ARGUMENT about `field`: PERCENT_ESCAPE_INVALID for a '%' without two hexadecimal digits,
// CHARACTER_NOT_ESCAPED for what is no visible ASCII and '#', MALFORMED_MESSAGE for what the
// escapes make (overlong forms and surrogates included). NUL and emptiness are the caller's to
// judge.
Result<std::string> DecodeText(std::string_view text, TextPlace place, std::string_view field);

// Leaves alone what is unreserved in RFC 3986, and ":/@", which need no escape in a header.
std::string EncodeText(std::string_view text);

}  // namespace prism::gateway

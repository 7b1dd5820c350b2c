// Base64 with the standard alphabet (RFC 4648 section 4).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace prism::base {

// With padding, as JSON and most others want it.
std::string Base64Encode(std::string_view bytes);
// Without, as gRPC's binary metadata and Connect's error details want it.
std::string Base64EncodeUnpadded(std::string_view bytes);

// Padding is optional, as in gRPC's binary metadata. Nothing when a character is foreign, the
// length is impossible or the unused bits of the last character are not zero: each value has one
// spelling, with and without padding.
std::optional<std::string> Base64Decode(std::string_view text);

}  // namespace prism::base

// Base64 (RFC 4648): the standard alphabet (section 4), and the one for URLs (section 5).
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
// The same with the alphabet for URLs: `-` and `_`.
std::optional<std::string> Base64UrlDecode(std::string_view text);
// The same with either alphabet, but not both in one text: what proto3 JSON takes.
std::optional<std::string> Base64DecodeEither(std::string_view text);

}  // namespace prism::base

#pragma once

#include <cstddef>
#include <string_view>

namespace prism::base {

// Whether the bytes are UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
// NUL is a character like any other.
bool IsValidUtf8(std::string_view bytes);

// The longest prefix of at most `limit` bytes that does not end inside a character. The bytes must
// be UTF-8.
std::string_view TruncateUtf8(std::string_view bytes, std::size_t limit);

}  // namespace prism::base

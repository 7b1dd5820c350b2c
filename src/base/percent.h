// Percent-encoding (RFC 3986 section 2.1), as URLs, headers and gRPC use it. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace prism::base {

// The octet that the escape "%XX" at `at` stands for; nothing when there is none.
std::optional<char> PercentEscapeAt(std::string_view text, std::size_t at);

// Appends "%XX", in capitals.
void AppendPercentEscape(std::string& out, char c);

// With all escaped that is not unreserved (section 2.3): fits anywhere in a URL.
std::string PercentEncode(std::string_view text);

}  // namespace prism::base

// How those who call are named, so that no kind of identity can be taken for another.
#pragma once

#include <cstddef>
#include <string_view>

namespace prism::security {

// What tokens and people name: letters, digits and . _ @ / + - after a letter or digit. There is no
// colon in it, which all others have: "unix:ann" (peer of a unix socket), "spiffe://..." and
// "x509:CN=ann" (client certificates).
inline constexpr std::size_t kMaxPrincipalLength = 128;
bool IsPrincipalName(std::string_view text);

// Calls without authentication.
inline constexpr std::string_view kAnonymous = "anonymous";

}  // namespace prism::security

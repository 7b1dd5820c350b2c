// Finds passwords that stand literally in connection strings.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace prism::namespaces {

// Why the text must not be kept, or nothing when it holds no secret: a password in the user part of
// a URL (scheme://user:password@host), or a value of a key like password, secret, token or
// access_key in a query or a keyword list (password=x). A reference (${env:NAME}, ${file:PATH}) is
// no secret. The answer names the place and the fix, never the secret.
std::optional<std::string> FindLiteralSecret(std::string_view connection);

}  // namespace prism::namespaces

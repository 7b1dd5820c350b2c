// Finds passwords that stand literally in connection strings.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace prism::namespaces {

// Why the text must not be kept, or nothing when it holds no secret. Found are: a password in the
// user part of a URL (scheme://user:password@host), and a user part that is a token (of nats and
// http, or one that looks random); values of keys like password, secret, token or access_key in a
// query, a keyword list (password=x) or JSON; random-looking values of other keys that end in key.
// A reference (${env:NAME}, ${file:PATH}) is no secret. The answer names the place and the fix,
// never the secret.
std::optional<std::string> FindLiteralSecret(std::string_view connection);
// The same of the value of an option.
std::optional<std::string> FindLiteralSecret(std::string_view key, std::string_view value);

}  // namespace prism::namespaces

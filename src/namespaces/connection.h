// Finds passwords that stand literally in connection strings.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace prism::namespaces {

// Why the text must not be kept, or nothing when it holds no secret. Found are: a password in the
// user part of a URL (scheme://user:password@host), and a user part that is a token (of nats, or
// one that looks random); values of keys like password, secret, token or db_pass in a query, a list
// (password=x, password: x) or JSON; random-looking values of other keys that end in key. All of
// that percent-encoded, too. A reference (${env:NAME}, ${file:PATH}) is no secret unless text
// stands beside it, nor is a switch (auth=false). The answer names the place and the fix, never the
// secret.
std::optional<std::string> FindLiteralSecret(std::string_view connection);
// The same of the value of an option.
std::optional<std::string> FindLiteralSecret(std::string_view key, std::string_view value);

}  // namespace prism::namespaces

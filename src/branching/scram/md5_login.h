// MD5 authentication as the server, without I/O (PostgreSQL documentation, "Message Formats",
// AuthenticationMD5Password): for roles whose password was stored before SCRAM was the default.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"
#include "branching/scram/verifier.h"

namespace prism::branching {

inline constexpr std::size_t kMd5SaltLength = 4;

// What a client who knows the password answers to `salt`: "md5" and the hex digits of
// md5(hex + salt). INTERNAL/NO_MD5 where OpenSSL does not offer it.
Result<std::string> Md5Answer(std::string_view hex, std::string_view salt);

// After the same work for whatever answer. UNAUTHENTICATED/WRONG_PASSWORD, INTERNAL/NO_MD5.
Status CheckMd5Answer(const Md5Verifier& verifier, std::string_view salt, std::string_view answer);

}  // namespace prism::branching

// Page tokens: where a list goes on, authenticated and bound to the query that they came from.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::models {

// 256 secret bits. Copyable; never logged.
class TokenKey {
 public:
  static TokenKey Random();
  // The key in this file; made with mode 0600 when the file is not there. Blocking.
  // FAILED_PRECONDITION/ TOKEN_KEY_DAMAGED when it holds anything else,
  // UNAVAILABLE/TOKEN_KEY_UNREADABLE when it can't be used.
  static Result<TokenKey> LoadOrCreate(const std::string& path);

  const std::array<unsigned char, 32>& bytes() const { return bytes_; }

 private:
  static Result<TokenKey> Create(const std::string& path);
  explicit TokenKey(const std::array<unsigned char, 32>& bytes) : bytes_(bytes) {}
  std::array<unsigned char, 32> bytes_;
};

// What a token is good for. A token that is used with anything else is refused.
struct TokenScope {
  std::string_view ns;
  std::string_view method;  // label, "keyvalue_scan.scan"
  std::string_view query;   // what else must stay the same: the prefix
};

// Printable: URL-safe base64 without padding of a version byte, 16 bytes of HMAC-SHA256, the
// position.
std::string MakePageToken(const TokenKey& key, const TokenScope& scope, std::string_view position);
// The position, or INVALID_ARGUMENT/PAGE_TOKEN_MISMATCH. Takes any bytes.
Result<std::string> ReadPageToken(const TokenKey& key, const TokenScope& scope,
                                  std::string_view token);

}  // namespace prism::models

// The text of an API token: prism_<id>_<secret><checksum>. The id is public and names the token in
// lists and logs; whoever knows the secret is its bearer.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::security {

inline constexpr std::string_view kTokenPrefix = "prism_";
// Base62. 43 random digits are 256 bits.
inline constexpr std::size_t kTokenIdLength = 12;
inline constexpr std::size_t kTokenSecretLength = 43;
// CRC-32 of all that is before it: a typing mistake, or a text that only looks like a token, is
// recognised without asking anybody.
inline constexpr std::size_t kTokenChecksumLength = 6;
inline constexpr std::size_t kTokenLength =
    kTokenPrefix.size() + kTokenIdLength + 1 + kTokenSecretLength + kTokenChecksumLength;

// Views of the text that was parsed.
struct TokenParts {
  std::string_view id;
  std::string_view secret;
};

// A fresh one, from the kernel's random numbers. INTERNAL/NO_RANDOM_NUMBERS.
Result<std::string> NewTokenText();
// Nothing when the text has another shape or its checksum is wrong.
std::optional<TokenParts> ParseToken(std::string_view text);
bool IsTokenId(std::string_view text);

// SHA-256.
using SecretHash = std::array<unsigned char, 32>;
SecretHash HashSecret(std::string_view secret);
std::string HexOf(const SecretHash& hash);
std::optional<SecretHash> HashFromHex(std::string_view hex);
// In the same time for whatever content.
bool SameHash(const SecretHash& a, const SecretHash& b);

// The text with the secret of every token in it replaced by dots, for what is kept or shown.
std::string RedactTokens(std::string_view text);

}  // namespace prism::security

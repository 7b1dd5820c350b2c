// Who calls, and how those who call are named, so that no kind of identity can be taken for
// another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace prism::security {

class TokenScope;

// What tokens and people name: letters, digits and . _ @ / + - after a letter or digit. There is no
// colon in it, which all others have: "unix:ann" (peer of a unix socket), "spiffe://..." and
// "x509:CN=ann" (client certificates).
inline constexpr std::size_t kMaxNameLength = 128;
bool IsPrincipalName(std::string_view text);

// Any of those kinds, as access lists name them; at most 512 bytes.
bool IsPrincipal(std::string_view text);

inline constexpr std::string_view kUnixPrefix = "unix:";
inline constexpr std::string_view kSpiffePrefix = "spiffe://";
inline constexpr std::string_view kSubjectPrefix = "x509:";
// Calls without authentication.
inline constexpr std::string_view kAnonymous = "anonymous";
// In access lists: whoever is authenticated.
inline constexpr std::string_view kEveryone = "*";

// By what somebody is known.
enum class Proof : std::uint8_t { kNone, kToken, kCertificate, kUnixPeer };
std::string_view ProofName(Proof proof);

// Views of what the connection and the tables hold: valid as long as those.
struct Caller {
  std::string_view principal = kAnonymous;
  Proof proof = Proof::kNone;
  std::string_view token_id = {};     // of kToken
  const TokenScope* scope = nullptr;  // what the token narrows it to; null: nothing is narrowed
};

}  // namespace prism::security

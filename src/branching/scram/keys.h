// The computations of SCRAM-SHA-256 (RFC 5802 section 3, RFC 7677), on OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::branching {

// A key, a hash or a signature: all have the length of a SHA-256.
using ScramKey = std::array<unsigned char, 32>;

// What proves a password without being it: `client` makes proofs, `server` checks the other side.
// Whoever has `client` can log in wherever the same verifier is stored: a secret.
struct ScramKeys {
  ScramKey client{};
  ScramKey server{};
};

std::string_view Bytes(const ScramKey& key);
ScramKey Sha256(std::string_view bytes);
ScramKey HmacSha256(std::string_view key, std::string_view bytes);
ScramKey Xor(const ScramKey& a, const ScramKey& b);
// In the same time for whatever content.
bool SameKey(const ScramKey& a, const ScramKey& b);

// `password` as PreparePassword gives it. `iterations` is positive; each costs two SHA-256.
ScramKeys DeriveKeys(std::string_view password, std::string_view salt, std::uint32_t iterations);

// RFC 5802's AuthMessage, without the header of the first message and without the proof.
std::string AuthMessage(std::string_view client_first_bare, std::string_view server_first,
                        std::string_view client_final_without_proof);

// From OpenSSL's generator. INTERNAL/NO_RANDOM_NUMBERS.
Result<std::string> RandomBytes(std::size_t count);
// For one exchange, printable: 18 random bytes in base64, as PostgreSQL's.
// INTERNAL/NO_RANDOM_NUMBERS.
Result<std::string> NewNonce();

}  // namespace prism::branching

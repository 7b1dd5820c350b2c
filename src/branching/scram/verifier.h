// What PostgreSQL keeps of a password (pg_authid.rolpassword), and what stands in for it when there
// is none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/status.h"
#include "branching/scram/keys.h"

namespace prism::branching {

// PostgreSQL's defaults.
inline constexpr std::uint32_t kDefaultIterations = 4096;
inline constexpr std::size_t kDefaultSaltLength = 16;

// Bounds of what is taken from others. The iterations are PostgreSQL's own bound; a longer salt
// would not fit into the message that libpq reads.
inline constexpr std::uint32_t kMaxIterations = 0x7fffffff;
inline constexpr std::size_t kMaxSaltLength = 255;

// Checks passwords without knowing them. A value. Its keys are secrets as hashes of passwords are.
struct ScramVerifier {
  std::uint32_t iterations = kDefaultIterations;
  std::string salt;  // bytes
  ScramKey stored_key{};
  ScramKey server_key{};

  // "SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>", the last three in base64 with its
  // padding. INVALID_ARGUMENT/BAD_VERIFIER, which repeats nothing of it.
  static Result<ScramVerifier> Parse(std::string_view text);
  // With a random salt. `iterations` from 1 to kMaxIterations. INTERNAL/NO_RANDOM_NUMBERS.
  static Result<ScramVerifier> FromPassword(std::string_view password,
                                            std::uint32_t iterations = kDefaultIterations);
  static ScramVerifier FromKeys(const ScramKeys& keys, std::string salt, std::uint32_t iterations);

  std::string ToString() const;
  friend bool operator==(const ScramVerifier&, const ScramVerifier&) = default;
};

struct NoPassword {};
// The 32 hex digits of md5(password + user).
struct Md5Password {
  std::string hex;
};
using StoredPassword = std::variant<NoPassword, Md5Password, ScramVerifier>;

// A value of the column rolpassword, nothing for NULL. INVALID_ARGUMENT/BAD_VERIFIER for what
// PostgreSQL 10 and newer never store.
Result<StoredPassword> ParseStoredPassword(std::optional<std::string_view> text);

// The verifier of one login. Without `genuine` it is a mock, and no password is right.
struct LoginVerifier {
  ScramVerifier verifier;
  bool genuine = false;
};

// The same where MD5 is asked for.
struct Md5Verifier {
  std::string hex;  // see Md5Password
  bool genuine = false;
};
using LoginCheck = std::variant<LoginVerifier, Md5Verifier>;

// Verifiers for users that don't exist or have no password: whoever asks gets the same salt each
// time, and can't tell that it is made up. Immutable: any thread.
class MockVerifiers {
 public:
  // `secret` stays the same for the lifetime of the source; who knows it can tell mocks.
  // `iterations`: what the source gives to new passwords.
  explicit MockVerifiers(std::string secret, std::uint32_t iterations = kDefaultIterations);

  // `known` when there is one, else the mock of `user`. Does the same work in both cases.
  LoginVerifier Choose(const ScramVerifier* known, std::string_view user) const;
  Md5Verifier ChooseMd5(const Md5Password* known, std::string_view user) const;
  // True for `share` of `all` names, about: always the same ones.
  bool IsAmong(std::size_t share, std::size_t all, std::string_view user) const;

 private:
  std::string secret_;
  std::uint32_t iterations_;
};

}  // namespace prism::branching

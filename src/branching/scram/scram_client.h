// SCRAM-SHA-256 and SCRAM-SHA-256-PLUS as the client, without I/O: how Prism logs in to a server of
// PostgreSQL, by password or as somebody whose login it has seen.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/status.h"
#include "branching/scram/keys.h"

namespace prism::branching {

// What one works off for a server that wants more would be its way to keep us busy. Does not bind a
// login by keys, which iterates nothing.
inline constexpr std::uint32_t kMaxClientIterations = 1'000'000;  // half a second of one core

struct ScramPassword {
  std::string text;
};

// One login. Use: the mechanisms of an AuthenticationSASL to Start, which returns what goes into
// the SASLInitialResponse; the data of an AuthenticationSASLContinue to Answer, which returns that
// of the SASLResponse; the data of an AuthenticationSASLFinal to Finish. Only after that the server
// has proven that it knows the user, too. An error ends the login. One thread at a time.
class ScramClient {
 public:
  using Secret = std::variant<ScramPassword, ScramKeys>;

  struct Opening {
    std::string_view mechanism;
    std::string data;
  };

  // `end_point`: TlsServerEndPoint of the server's certificate; empty without TLS, and when the
  // certificate has none. INTERNAL/NO_RANDOM_NUMBERS.
  static Result<ScramClient> Make(Secret secret, std::string end_point);

  // FAILED_PRECONDITION/SCRAM_NOT_OFFERED when the server wants something else.
  Result<Opening> Start(std::span<const std::string_view> mechanisms);
  // INVALID_ARGUMENT/SCRAM_MALFORMED, RESOURCE_EXHAUSTED/SCRAM_TOO_MANY_ITERATIONS.
  Result<std::string> Answer(std::string_view server_first);
  // UNAUTHENTICATED/SCRAM_REFUSED when the server says no, UNAUTHENTICATED/SERVER_NOT_PROVEN when
  // it does not know the verifier of this user, INVALID_ARGUMENT/SCRAM_MALFORMED.
  Status Finish(std::string_view server_final);

 private:
  struct Challenge {
    std::string nonce;
    std::string salt;
    std::uint32_t iterations = 0;
  };
  enum class Step : std::uint8_t { kStart, kAnswer, kFinish, kEnded };

  ScramClient(Secret secret, std::string end_point, std::string nonce);

  // Fails when it is not the turn of `step`; until the call has gone well, the login is over.
  Status Begin(Step step);
  Result<Challenge> ParseChallenge(std::string_view server_first) const;
  Result<ScramKeys> Keys(const Challenge& challenge) const;

  Secret secret_;
  std::string end_point_;
  std::string nonce_;
  Step step_ = Step::kStart;
  std::string binding_;  // the GS2 header, and what it is bound to
  std::string client_first_bare_;
  ScramKey server_signature_{};
};

}  // namespace prism::branching

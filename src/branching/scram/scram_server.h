// SCRAM-SHA-256 and SCRAM-SHA-256-PLUS as the server, without I/O (RFC 5802, RFC 7677; PostgreSQL's
// protocol, chapter "SASL Authentication").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "branching/scram/keys.h"
#include "branching/scram/verifier.h"

namespace prism::branching {

inline constexpr std::string_view kScramSha256 = "SCRAM-SHA-256";
inline constexpr std::string_view kScramSha256Plus = "SCRAM-SHA-256-PLUS";

// One login. Use: send Mechanisms() in an AuthenticationSASL; give the SASLInitialResponse to Begin
// and every SASLResponse to Take; send what they return in an AuthenticationSASLContinue, or, once
// `authenticated`, in an AuthenticationSASLFinal. An error ends the login. One thread at a time.
class ScramServer {
 public:
  struct Reply {
    std::string data;
    bool authenticated = false;
  };

  // `end_point`: TlsServerEndPoint of the certificate on this connection. Empty without TLS, and
  // when the certificate has none: then channel binding is not offered. INTERNAL/NO_RANDOM_NUMBERS.
  static Result<ScramServer> Make(LoginVerifier login, std::string end_point);
  // With a nonce that is known, for the examples of the RFCs. It must be new for each login.
  ScramServer(LoginVerifier login, std::string end_point, std::string nonce);

  // Those to offer, the best one first.
  std::vector<std::string_view> Mechanisms() const;

  // The errors of both, with PostgreSQL's SQLSTATE, which is also what pgwire/refusal.h makes of
  // them:
  //   INVALID_ARGUMENT/SCRAM_MALFORMED        08P01  not the message that belongs here
  //   UNIMPLEMENTED/SCRAM_UNSUPPORTED         0A000  a mandatory extension, another identity
  //   UNAUTHENTICATED/SCRAM_CHANNEL_BINDING   28000  bound to another connection than this one, or
  //                                                  somebody hid that binding was offered
  //   UNAUTHENTICATED/WRONG_PASSWORD          28P01  the same for a user who is not there
  // Without `data` the client wants to be asked for its first message.
  Result<Reply> Begin(std::string_view mechanism, std::optional<std::string_view> data);
  Result<Reply> Take(std::string_view data);

  // Once authenticated: what logs in to a branch of the same source without the password.
  const ScramKeys& keys() const { return keys_; }

 private:
  enum class Step : std::uint8_t { kMechanism, kFirst, kFinal, kEnded };

  // Ends the login when it failed or is done.
  Result<Reply> Settle(Result<Reply> reply);
  Result<Reply> Open(std::string_view mechanism, std::optional<std::string_view> data);
  Result<Reply> Dispatch(std::string_view message);
  Result<Reply> TakeFirst(std::string_view message);
  Result<std::string_view> TakeGs2Header(std::string_view message);
  Status CheckBindingFlag(std::string_view flag) const;
  Result<Reply> TakeFinal(std::string_view message);
  Status CheckBinding(std::string_view value) const;
  Result<Reply> CheckProof(std::string_view without_proof, const ScramKey& proof);

  LoginVerifier login_;
  std::string end_point_;
  std::string nonce_;  // ours, then the client's and ours
  Step step_ = Step::kMechanism;
  bool bound_ = false;
  std::string gs2_header_;
  std::string client_first_bare_;
  std::string server_first_;
  ScramKeys keys_;
};

}  // namespace prism::branching

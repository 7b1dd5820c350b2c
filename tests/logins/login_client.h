// A client of PostgreSQL that logs in by Prism's side of SCRAM.
#pragma once

#include <string>
#include <string_view>

#include "branching/scram/scram_client.h"
#include "tests/logins/wire_socket.h"

namespace prism::testing {

// Life cycle: connected from the constructor on. Failures of the connection throw
// std::runtime_error; a login that is refused is a Status.
class LoginClient {
 public:
  // Over a unix socket.
  explicit LoginClient(const std::string& socket_path);
  // Over TLS to 127.0.0.1, whose certificate is not verified.
  explicit LoginClient(int port);

  // What a login is bound to: the server's certificate. Empty without TLS.
  std::string EndPoint() const;
  // The mechanism that was chosen is in `mechanism` then. UNAUTHENTICATED/<SQLSTATE> when the
  // server refuses.
  Status Login(const std::string& user, branching::ScramClient::Secret secret,
               std::string end_point);
  const std::string& mechanism() const { return mechanism_; }
  // The first column of the first row.
  std::string Ask(std::string_view sql);

 private:
  Status Exchange(branching::ScramClient& scram);

  WireSocket server_;
  SslContext tls_{nullptr, &SSL_CTX_free};
  std::string mechanism_;
};

}  // namespace prism::testing

// A server that does nothing but let one client log in, by Prism's side of SCRAM.
#pragma once

#include <optional>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "branching/scram/scram_server.h"
#include "tests/logins/wire_socket.h"

namespace prism::testing {

// Life cycle: listens on a free port of 127.0.0.1 from the constructor on, serves one connection on
// a thread of its own, and waits for its end in Finish or the destructor.
class LoginServer {
 public:
  struct Options {
    branching::LoginVerifier login;
    std::string certificate;  // files; empty: no TLS
    std::string key;
    // Instead of what the certificate's is, as somebody in between would have it.
    std::optional<std::string> end_point;
  };
  struct Outcome {
    std::string mechanism;
    std::string reason;  // of the refusal
    branching::ScramKeys keys;
  };

  explicit LoginServer(Options options);
  LoginServer(const LoginServer&) = delete;
  LoginServer& operator=(const LoginServer&) = delete;
  ~LoginServer();

  // "host=127.0.0.1 port=... ", and that GSS is not asked for.
  std::string conninfo() const;
  // Once the client is done.
  const Outcome& Finish();

 private:
  void Serve();
  void Handshake(WireSocket& client);
  void Login(WireSocket& client);

  Options options_;
  SslContext tls_{nullptr, &SSL_CTX_free};
  base::UniqueFd listener_;
  int port_ = 0;
  Outcome outcome_;
  std::thread thread_;
};

}  // namespace prism::testing

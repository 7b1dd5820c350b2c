// A client of the proxy that says what no library would.
#pragma once

#include <openssl/ssl.h>

#include <string>
#include <string_view>

#include "branching/pgwire/cancel_keys.h"
#include "tests/logins/wire_socket.h"

namespace prism::branching::testing {

enum class Speak { kClear, kTls, kDirectTls };

// Connected to 127.0.0.1. What fails throws std::runtime_error. One thread at a time.
class RawClient {
 public:
  explicit RawClient(const std::string& port);

  prism::testing::WireSocket& socket() { return socket_; }
  // SSLRequest and TLS, or TLS at once; `alpn`: the protocol that is offered, empty: none.
  void StartTls(Speak how, std::string_view alpn = "postgresql");
  void SendStartup(const std::string& user, const std::string& database);
  // Startup and SCRAM up to ReadyForQuery. The key by which it is cancelled.
  CancelKey LogIn(const std::string& user, const std::string& password);
  // Whether the connection ends with nothing more said.
  bool Ended();

 private:
  prism::testing::WireSocket socket_;
  prism::testing::SslContext tls_{nullptr, &SSL_CTX_free};
};

}  // namespace prism::branching::testing

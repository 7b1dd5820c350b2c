// One end of a PostgreSQL connection that waits for its peer, with or without TLS.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace prism::testing {

using SslContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

// Life cycle: as long as its socket. What fails throws std::runtime_error: the login has failed in
// a way that no test expects. One thread at a time.
class WireSocket {
 public:
  struct Message {
    char type = 0;
    std::string body;
  };

  explicit WireSocket(base::UniqueFd fd);
  // Both return when the handshake is done.
  void AcceptTls(SSL_CTX* context);
  void ConnectTls(SSL_CTX* context);

  void Send(std::string_view bytes);
  std::string Receive(std::size_t count);
  std::uint32_t ReceiveInt32();
  Message ReceiveMessage();
  // The certificate of the server, at either end. Null without TLS.
  X509* ServerCertificate() const;
  bool tls() const { return ssl_ != nullptr; }

 private:
  void BeginTls(SSL_CTX* context);

  base::UniqueFd fd_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, &SSL_free};
  bool server_ = false;
};

}  // namespace prism::testing

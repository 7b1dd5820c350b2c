// TLS as a client, without I/O: ciphertext and plaintext in, ciphertext and plaintext out (OpenSSL,
// memory BIOs).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "rpc/client/client_target.h"

namespace prism::rpc {

// One TLS session, TLS 1.2 or newer, the server's certificate always verified. Thread rule: one
// thread at a time.
class TlsClient {
 public:
  // `host`: whom the certificate must name when the options name nobody. `alpn`: "h2", "http/1.1",
  // or empty for what has no name in ALPN. Reads the files: blocking.
  // FAILED_PRECONDITION/TLS_FILE_INVALID when a file can't be used; it names the file.
  static Result<std::unique_ptr<TlsClient>> Make(const ClientTlsOptions& options,
                                                 std::string_view host, std::string_view alpn);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  // Takes what the socket gave and appends what it means to `plain`. Continues the handshake first.
  // UNAVAILABLE/TLS_HANDSHAKE_FAILED (with the reason, e.g. an untrusted certificate), TLS_BROKEN
  // later.
  Status Receive(std::string_view cipher, std::string& plain);
  // Encrypts; before the handshake is done nothing is taken. Returns how many bytes of `plain` were
  // taken.
  Result<std::size_t> Send(std::string_view plain);
  // Moves the ciphertext that must be sent to the end of `out`.
  void Drain(std::string& out);
  bool ready() const { return ready_; }

 private:
  TlsClient() = default;
  Status Handshake();

  struct Handles;
  std::unique_ptr<Handles> handles_;
  std::string alpn_;
  bool ready_ = false;
};

}  // namespace prism::rpc

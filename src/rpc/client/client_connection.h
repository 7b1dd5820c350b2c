// A socket that a blocking client waits on: TCP or unix, plain or TLS.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "rpc/client/client_target.h"
#include "rpc/client/client_tls.h"

namespace prism::rpc {

// Connected while it lives; closed by its destructor. Every wait ends at its deadline
// (CLOCK_MONOTONIC). Thread rule: one thread at a time.
class ClientConnection {
 public:
  enum class Outcome { kProgress, kTimeout, kClosed };

  // Tries each address of the host in turn. UNAVAILABLE/SERVER_UNREACHABLE with what to check. Name
  // resolution is the system's and may outlast the deadline. `alpn`: what is spoken, "h2" or
  // "http/1.1".
  static Result<std::unique_ptr<ClientConnection>> Open(const ClientTarget& target,
                                                        const std::optional<ClientTlsOptions>& tls,
                                                        std::string_view alpn, MonoNanos deadline);
  ~ClientConnection();
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  // Sends from the front of `out` (what has left is erased) and appends what has arrived to `in`.
  // Waits until bytes came or, when the socket was full, went; with `more` to send than `out` holds
  // it waits for a full socket only. kTimeout at the deadline, kClosed when the server has closed
  // the connection in good order, UNAVAILABLE/CONNECTION_LOST when it broke.
  Result<Outcome> Exchange(std::string& out, std::string& in, MonoNanos deadline, bool more);

 private:
  ClientConnection(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  Status StartTls(const ClientTlsOptions& options, const ClientTarget& target,
                  std::string_view alpn, MonoNanos deadline);
  Result<Outcome> ExchangeRaw(std::string& out, std::string& in, MonoNanos deadline, bool more);
  Status SendSome(std::string& out);
  Result<Outcome> ReceiveSome(std::string& in);
  Error Lost(int error) const;

  int fd_;
  std::string name_;  // of the target, for messages
  std::unique_ptr<TlsClient> tls_;
  std::string cipher_out_;
  std::string early_;  // what came with the end of the handshake
};

// Milliseconds until the deadline for poll(2): at least 0, rounded up, at most an hour.
int PollTimeout(MonoNanos deadline);

}  // namespace prism::rpc

// The first bytes of a client, before there are messages: PostgreSQL documentation, "Message Flow:
// Start-up", "SSL Session Encryption", "GSSAPI Session Encryption" and "Canceling Requests in
// Progress".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/status.h"
#include "branching/pgwire/startup_message.h"

namespace prism::branching {

// Reads packets up to the one that decides what the connection is. Life cycle: construct, Feed what
// comes, do what the step says, Feed again from the first byte that was not consumed; the last four
// kinds of step end it. Holds at most one packet (10000 bytes). Thread rule: one thread at a time.
class StartupParser {
 public:
  struct NeedMore {};
  // Answer 'S', call TlsStarted, and go on in TLS; or answer 'N' and go on. With 'S', bytes of the
  // client that were read before and not consumed are an attack (CVE-2021-23214): DATA_BEFORE_TLS.
  struct SslRequest {};
  // Answer 'N' and go on: there is no GSSAPI encryption.
  struct GssEncRequest {};
  // The client says hello to TLS at once (PostgreSQL 17): nothing was consumed; it must offer the
  // ALPN protocol "postgresql". The parser goes on with what was encrypted.
  struct DirectTls {};
  // Never answered: close when it has been passed on.
  struct Cancel {
    std::uint32_t process_id;
    std::string key;
  };
  // Not a word: this is no client of PostgreSQL, or a cancel request that is none.
  struct Close {};
  // An Error is to be answered with ErrorResponse, then close.
  using Step = std::variant<NeedMore, SslRequest, GssEncRequest, DirectTls, Cancel, StartupMessage,
                            Error, Close>;
  struct Progress {
    std::size_t consumed;
    Step step;
  };

  enum class Transport : std::uint8_t { kTcp, kUnixSocket };
  explicit StartupParser(Transport transport) : direct_tls_(transport == Transport::kTcp) {}

  // Consumes at most the packet at the beginning of `input`, however it was cut in pieces.
  Progress Feed(std::string_view input);
  // 'S' has been answered: from here on the bytes are those of TLS.
  void TlsStarted() { gss_done_ = true; }
  // Whether the client sent anything at all. One that closes before has only looked whether
  // somebody listens, which is not worth a line in the log.
  bool begun() const { return begun_; }

 private:
  Step Packet();
  static Step CancelRequest(std::string_view rest);

  std::string packet_;  // as far as it is there
  bool direct_tls_;     // the next byte may be the first of a TLS handshake
  bool begun_ = false;
  bool ssl_done_ = false;
  bool gss_done_ = false;
};

}  // namespace prism::branching

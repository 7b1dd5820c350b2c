// Where a client connects to, and as whom.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::rpc {

// An address that a client was given: "host:port", "[::1]:port", ":port" (this machine),
// "unix:/path".
struct ClientTarget {
  std::string host = {};  // without brackets; empty for unix sockets
  std::uint16_t port = 0;
  std::string unix_path = {};  // empty for TCP

  bool is_unix() const { return !unix_path.empty(); }
  // INVALID_ARGUMENT/BAD_ADDRESS with the forms that are accepted.
  static Result<ClientTarget> Parse(std::string_view text);
  std::string ToString() const;
};

struct ClientTlsOptions {
  std::string ca_file = {};      // PEM of the accepted authorities; empty: the system's
  std::string cert_file = {};    // PEM of the client's certificate chain and ...
  std::string key_file = {};     // ... its key: both or neither
  std::string server_name = {};  // whom the certificate must name; empty: the host of the target
};

struct ChannelOptions {
  std::string target = "127.0.0.1:8980";
  std::optional<ClientTlsOptions> tls = {};  // unset: plaintext
  std::string token = {};                    // sent as "authorization: Bearer ..."; empty: none
  std::chrono::milliseconds connect_timeout{5'000};
  // Of one received message, decompressed.
  std::uint64_t max_message_bytes = 64ull << 20;  // must be below 2 GiB
  std::string user_agent = "prism";
};

}  // namespace prism::rpc

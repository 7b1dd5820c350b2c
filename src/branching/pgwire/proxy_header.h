// The PROXY protocol, version 2: a load balancer tells in front of a connection who its client is
// (https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt, section 2.2). Version 1 is not
// read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/status.h"

namespace prism::branching {

struct ProxyHeader {
  enum class Family : std::uint8_t {
    kNone,  // the balancer itself connects (LOCAL), or does not say for whom
    kIp4,
    kIp6,
    kUnix,
  };
  struct Endpoint {
    std::string address;  // "192.0.2.1", "2001:db8::1", or the path of a socket
    std::uint16_t port = 0;

    bool operator==(const Endpoint&) const = default;
  };

  Family family = Family::kNone;
  Endpoint source;
  Endpoint destination;
};

// Reads one header, which trusted peers alone may send. Life cycle: construct, Feed until there is
// a step. Thread rule: one thread at a time.
class ProxyHeaderParser {
 public:
  // Of the whole header: 16 bytes, at most 216 of addresses, and what else is said, which is passed
  // over.
  static constexpr std::size_t kMaxHeader = 4096;

  struct NeedMore {};
  // An Error is BAD_PROXY_HEADER: close without a word, since no client of PostgreSQL is there.
  using Step = std::variant<NeedMore, ProxyHeader, Error>;
  struct Progress {
    std::size_t consumed;
    Step step;
  };
  // Consumes nothing beyond the header.
  Progress Feed(std::string_view input);

 private:
  std::string header_;  // as far as it is there
};

}  // namespace prism::branching

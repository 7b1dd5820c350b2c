// Networks of addresses, such as those whose word the proxy takes for who a client is.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace prism::branching {

// Immutable: any thread.
class Networks {
 public:
  // Each "10.0.0.0/8", "2001:db8::/32", or an address alone. INVALID_ARGUMENT/BAD_NETWORK, also
  // when bits behind the prefix are set: somebody meant another network.
  static Result<Networks> Parse(std::span<const std::string> texts);

  // `peer` as the listener describes it: "192.0.2.1:1234", "[2001:db8::1]:1234". An IPv4 address
  // that is written as one of IPv6 (RFC 4291 section 2.5.5.2) is the IPv4 address.
  bool Contains(std::string_view peer) const;

 private:
  using Bytes = std::array<unsigned char, 16>;  // IPv4 as ::ffff:a.b.c.d
  struct Network {
    Bytes address;
    std::size_t bits;
  };
  static std::optional<Bytes> ParseAddress(const std::string& text);
  static Result<Network> ParseNetwork(std::string_view text);

  std::vector<Network> networks_;
};

}  // namespace prism::branching

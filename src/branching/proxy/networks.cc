#include "branching/proxy/networks.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace prism::branching {
namespace {

constexpr std::size_t kIp4Prefix = 96;  // bits of ::ffff:0:0/96
constexpr std::size_t kAllBits = 128;

std::unexpected<Error> BadNetwork(std::string_view text) {
  return std::unexpected(Error(
      Code::kInvalidArgument, "BAD_NETWORK",
      fmt::format("\"{}\" is no network: write 10.0.0.0/8, 2001:db8::/32, or an address", text)));
}

bool SamePrefix(std::span<const unsigned char> a, std::span<const unsigned char> b,
                std::size_t bits) {
  const std::size_t whole = bits / 8;
  if (!std::ranges::equal(a.first(whole), b.first(whole))) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

}  // namespace

std::optional<Networks::Bytes> Networks::ParseAddress(const std::string& text) {
  Bytes bytes{};
  if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return bytes;
  if (::inet_pton(AF_INET, text.c_str(), bytes.data() + 12) != 1) return std::nullopt;
  bytes[10] = bytes[11] = 0xff;
  return bytes;
}

Result<Networks::Network> Networks::ParseNetwork(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string host(text.substr(0, slash));
  const auto address = ParseAddress(host);
  if (!address) return BadNetwork(text);
  if (slash == std::string_view::npos) return Network{.address = *address, .bits = kAllBits};
  std::size_t bits = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + slash + 1, end, bits);
  const std::size_t before = host.contains(':') ? 0 : kIp4Prefix;
  if (error != std::errc() || rest != end || bits > kAllBits - before) return BadNetwork(text);
  bits += before;
  for (std::size_t bit = bits; bit < kAllBits; ++bit) {
    if (((*address)[bit / 8] >> (7 - bit % 8) & 1) != 0) return BadNetwork(text);
  }
  return Network{.address = *address, .bits = bits};
}

Result<Networks> Networks::Parse(std::span<const std::string> texts) {
  Networks networks;
  for (const std::string& text : texts) {
    TRY_ASSIGN(const Network network, ParseNetwork(text));
    networks.networks_.push_back(network);
  }
  return networks;
}

bool Networks::Contains(std::string_view peer) const {
  std::string host(peer.substr(0, peer.rfind(':')));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto address = ParseAddress(host);
  return address && std::ranges::any_of(networks_, [&](const Network& network) {
           return SamePrefix(*address, network.address, network.bits);
         });
}

}  // namespace prism::branching

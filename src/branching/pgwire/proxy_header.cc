#include "branching/pgwire/proxy_header.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

namespace prism::branching {

namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kFixedPart = 16;
constexpr unsigned kLocal = 0x20;  // version 2 in the upper half
constexpr unsigned kProxy = 0x21;
constexpr std::size_t kUnixPath = 108;

std::uint16_t Int16At(std::string_view from) {
  return static_cast<std::uint16_t>((static_cast<unsigned char>(from[0]) << 8) |
                                    static_cast<unsigned char>(from[1]));
}

Error Bad(std::string_view what) {
  return {Code::kInvalidArgument, "BAD_PROXY_HEADER",
          "a trusted peer sent no header of the PROXY protocol version 2: " + std::string(what)};
}

// Addresses come before ports: source, destination, source, destination.
ProxyHeader IpHeader(ProxyHeader::Family family, std::string_view body) {
  const bool ip4 = family == ProxyHeader::Family::kIp4;
  const std::size_t size = ip4 ? 4 : 16;
  const auto endpoint = [&](std::size_t which) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(ip4 ? AF_INET : AF_INET6, body.data() + which * size, text.data(), text.size());
    return ProxyHeader::Endpoint{.address = text.data(),
                                 .port = Int16At(body.substr(2 * size + 2 * which))};
  };
  return {.family = family, .source = endpoint(0), .destination = endpoint(1)};
}

ProxyHeader UnixHeader(std::string_view body) {
  const auto endpoint = [&](std::size_t which) {
    const std::string_view path = body.substr(which * kUnixPath, kUnixPath);
    return ProxyHeader::Endpoint{.address = std::string(path.substr(0, path.find('\0'))),
                                 .port = 0};
  };
  return {.family = ProxyHeader::Family::kUnix, .source = endpoint(0), .destination = endpoint(1)};
}

// `body` is what follows the fixed part: addresses, and what else is said.
ProxyHeaderParser::Step Parse(unsigned command, unsigned transport, std::string_view body) {
  if (command == kLocal) return ProxyHeader{};
  if (command != kProxy) return Bad("its version or command is unknown");
  switch (transport) {
    case 0x00:  // unspecified
      return ProxyHeader{};
    case 0x11:  // TCP over IPv4
      if (body.size() < 12) return Bad("its addresses are cut");
      return IpHeader(ProxyHeader::Family::kIp4, body);
    case 0x21:  // TCP over IPv6
      if (body.size() < 36) return Bad("its addresses are cut");
      return IpHeader(ProxyHeader::Family::kIp6, body);
    case 0x31:  // UNIX stream
      if (body.size() < 2 * kUnixPath) return Bad("its addresses are cut");
      return UnixHeader(body);
    default:
      return Bad("its transport is not a stream");
  }
}

}  // namespace

ProxyHeaderParser::Progress ProxyHeaderParser::Feed(std::string_view input) {
  std::size_t consumed = 0;
  const auto take = [&](std::size_t wanted) {
    const std::size_t count = std::min(wanted - header_.size(), input.size() - consumed);
    header_.append(input.substr(consumed, count));
    consumed += count;
    return header_.size() == wanted;
  };
  if (header_.size() < kFixedPart) {
    const bool whole = take(kFixedPart);
    if (!kSignature.starts_with(std::string_view(header_).substr(0, kSignature.size()))) {
      return {.consumed = consumed, .step = Bad("it begins otherwise")};
    }
    if (!whole) return {.consumed = consumed, .step = NeedMore{}};
  }
  const std::size_t length = kFixedPart + Int16At(std::string_view(header_).substr(14));
  if (length > kMaxHeader) return {.consumed = consumed, .step = Bad("it is too long")};
  if (!take(length)) return {.consumed = consumed, .step = NeedMore{}};
  Step step =
      Parse(static_cast<unsigned char>(header_[12]), static_cast<unsigned char>(header_[13]),
            std::string_view(header_).substr(kFixedPart));
  return {.consumed = consumed, .step = std::move(step)};
}

}  // namespace prism::branching

#include "rpc/client/client_target.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <charconv>

namespace prism::rpc {
namespace {

Error BadAddress(std::string_view text, std::string_view why) {
  return Error(Code::kInvalidArgument, "BAD_ADDRESS",
               fmt::format("\"{}\" is no address: {}; write host:port, [ipv6]:port or unix:/path",
                           text, why));
}

}  // namespace

Result<ClientTarget> ClientTarget::Parse(std::string_view text) {
  ClientTarget target;
  if (text.starts_with("unix:")) {
    target.unix_path = text.substr(5);
    if (target.unix_path.empty()) return std::unexpected(BadAddress(text, "the path is missing"));
    if (target.unix_path.size() >= sizeof(sockaddr_un::sun_path)) {
      return std::unexpected(BadAddress(text, "a socket path has at most 107 bytes"));
    }
    return target;
  }

  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return std::unexpected(BadAddress(text, "the port is missing"));
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::unexpected(BadAddress(text, "an IPv6 address needs brackets"));
  }
  if (host.find_first_of("/ []") != std::string_view::npos) {
    return std::unexpected(BadAddress(text, "the host has a character that no host has"));
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), target.port);
  if (error != std::errc() || end != port.data() + port.size() || target.port == 0) {
    return std::unexpected(BadAddress(text, "the port is not within 1..65535"));
  }
  target.host = host.empty() ? "127.0.0.1" : std::string(host);
  return target;
}

std::string ClientTarget::ToString() const {
  if (is_unix()) return "unix:" + unix_path;
  if (host.find(':') != std::string::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

}  // namespace prism::rpc

#include "rpc/call/local_hosts.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace prism::rpc {
namespace {

constexpr std::string_view kDigits = "0123456789";

bool IsAddress(std::string_view host) {
  // No name ends in a number: what does is an address (WHATWG URL, "ends in a number checker").
  return host.starts_with('[') || host.find_first_not_of("0123456789.") == host.npos;
}

bool IsLocalhost(std::string_view host) {
  constexpr std::string_view kName = "localhost";
  if (host.size() < kName.size()) return false;
  const std::string_view rest = host.substr(0, host.size() - kName.size());
  return base::EqualsNoCase(host.substr(rest.size()), kName) &&
         (rest.empty() || rest.ends_with('.'));
}

// Without the port, and the dot that ends a full name.
std::string_view HostOf(std::string_view authority) {
  const std::size_t end = authority.find_last_not_of(kDigits);
  if (end != authority.npos && authority[end] == ':') authority = authority.substr(0, end);
  if (authority.ends_with('.')) authority.remove_suffix(1);
  return authority;
}

}  // namespace

LocalHosts::LocalHosts(std::string_view listen) : own_(base::LowerCase(HostOf(listen))) {}

Status LocalHosts::Check(const RequestHeaders& request) const {
  std::string_view authority = request.Find(":authority");
  if (authority.empty()) authority = request.Find("host");  // of HTTP/2, for which it may stand
  const std::string_view host = HostOf(authority);
  if (IsAddress(host) || IsLocalhost(host) || base::EqualsNoCase(host, own_)) return {};
  return std::unexpected(
      Error(Code::kPermissionDenied, "HOST_NOT_ALLOWED",
            fmt::format("the request is for \"{}\", and this server, which asks nobody who they "
                        "are, answers to this machine only: ask for localhost or an address (a "
                        "proxy in front sends the host on: have it send localhost), listen under "
                        "that name, or turn on security.authentication",
                        host.substr(0, 200))));
}

}  // namespace prism::rpc

#include "rpc/listener.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace prism::rpc {
namespace {

constexpr int kBacklog = 4096;  // the kernel caps it at net.core.somaxconn
constexpr std::string_view kUnixPrefix = "unix:";

Error BadAddress(std::string_view address) {
  return {Code::kInvalidArgument, "BAD_ADDRESS",
          fmt::format("{} is no address to listen on: use HOST:PORT, [IPV6]:PORT or unix:/PATH",
                      address)};
}

Error ListenError(std::string_view address, int error) {
  if (error == EADDRINUSE) {
    return {Code::kUnavailable, "ADDRESS_IN_USE",
            fmt::format("{} is in use: stop the program that listens there, or choose another port "
                        "(0: any free one)",
                        address)};
  }
  if (error == EACCES || error == EPERM) {
    return {
        Code::kPermissionDenied, "ADDRESS_NOT_PERMITTED",
        fmt::format(
            "not allowed to listen on {}: ports below 1024 need privileges, choose a higher one",
            address)};
  }
  return {Code::kUnavailable, "ADDRESS_UNAVAILABLE",
          fmt::format("can't listen on {}: {}; check that the address belongs to this machine",
                      address, std::strerror(error))};
}

struct HostPort {
  std::string host;
  std::string port;
};

// Splits at the last colon; IPv6 hosts stand in brackets.
Result<HostPort> Split(std::string_view address) {
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == address.size())
    return std::unexpected(BadAddress(address));
  std::string_view host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string_view::npos)
    return std::unexpected(BadAddress(address));
  return HostPort{std::string(host), std::string(address.substr(colon + 1))};
}

std::string Describe(const sockaddr_storage& address, socklen_t size) {
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host, sizeof host, port,
                    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return std::string(kUnixPrefix);
  }
  return address.ss_family == AF_INET6 ? fmt::format("[{}]:{}", host, port)
                                       : fmt::format("{}:{}", host, port);
}

}  // namespace

Listener::~Listener() {
  if (fd_ >= 0) ::close(fd_);
  if (!unix_path_.empty()) ::unlink(unix_path_.c_str());
}

Status Listener::Open(std::string_view address) {
  if (address.starts_with(kUnixPrefix))
    return OpenUnix(std::string(address.substr(kUnixPrefix.size())));
  return OpenTcp(address);
}

Status Listener::OpenUnix(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  address_ = fmt::format("{}{}", kUnixPrefix, path);
  if (path.empty() || path.size() >= sizeof name.sun_path)
    return std::unexpected(BadAddress(address_));
  path.copy(name.sun_path, path.size());
  fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  // A socket file that nobody listens on any more is left over from a crash.
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&name), sizeof name) != 0 && errno == ECONNREFUSED)
    ::unlink(path.c_str());
  ::close(std::exchange(fd_, ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)));
  if (::bind(fd_, reinterpret_cast<sockaddr*>(&name), sizeof name) != 0 ||
      ::listen(fd_, kBacklog) != 0) {
    return std::unexpected(ListenError(address_, errno));
  }
  unix_path_ = path;
  return {};
}

Status Listener::OpenTcp(std::string_view address) {
  TRY_ASSIGN(const HostPort where, Split(address));
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const char* host = where.host.empty() ? nullptr : where.host.c_str();
  if (::getaddrinfo(host, where.port.c_str(), &hints, &found) != 0)
    return std::unexpected(BadAddress(address));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  fd_ = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd_, found->ai_addr, found->ai_addrlen) != 0 || ::listen(fd_, kBacklog) != 0) {
    return std::unexpected(ListenError(address, errno));
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &size);
  address_ = Describe(bound, size);
  return {};
}

Status Listener::Start() {
  TRY(shard_.Watch(fd_, EPOLLIN, *this));
  watched_ = true;
  return {};
}

void Listener::Stop() {
  if (watched_) shard_.Unwatch(fd_, *this);
  watched_ = false;
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Listener::OnReady(std::uint32_t /*events*/) {
  // A bounded number a turn: a flood of connections must not starve the calls of this shard.
  for (int i = 0; i < 64; ++i) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const int fd =
        ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
                 sizeof on);  // fails on unix sockets, which need it not
    on_socket_(fd, Describe(peer, size));
  }
}

}  // namespace prism::rpc

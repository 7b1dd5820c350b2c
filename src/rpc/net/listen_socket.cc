#include "rpc/net/listen_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <memory>

#include "rpc/net/socket_address.h"

namespace prism::rpc {
namespace {

constexpr int kBacklog = 4096;  // the kernel caps it at net.core.somaxconn
constexpr std::string_view kUnixPrefix = "unix:";

Error BadAddress(std::string_view address) {
  return {Code::kInvalidArgument, "BAD_ADDRESS",
          fmt::format("{} is no address to listen on: use HOST:PORT, [IPV6]:PORT or unix:/PATH",
                      address)};
}

struct Advice {
  std::string_view in_use;
  std::string_view not_permitted;
  std::string_view otherwise;
};
constexpr Advice kTcpAdvice = {
    .in_use = "stop the program that listens there, or choose another port (0: any free one)",
    .not_permitted = "ports below 1024 need privileges, choose a higher one",
    .otherwise = "check that the address belongs to this machine"};
constexpr Advice kUnixAdvice = {
    .in_use =
        "stop the program that listens there, or choose another path; what is no socket is "
        "never removed",
    .not_permitted = "choose a directory that this user may write",
    .otherwise = "check that the directory is there"};

Error ListenError(std::string_view address, const Advice& advice, int error) {
  if (error == EADDRINUSE) {
    return {Code::kUnavailable, "ADDRESS_IN_USE",
            fmt::format("{} is in use: {}", address, advice.in_use)};
  }
  if (error == EACCES || error == EPERM) {
    return {Code::kPermissionDenied, "ADDRESS_NOT_PERMITTED",
            fmt::format("not allowed to listen on {}: {}", address, advice.not_permitted)};
  }
  return {
      Code::kUnavailable, "ADDRESS_UNAVAILABLE",
      fmt::format("can't listen on {}: {}; {}", address, std::strerror(error), advice.otherwise)};
}

struct HostPort {
  std::string host;
  std::string port;
};

// getaddrinfo(3) would take the rest of a division by 65536.
bool IsPort(std::string_view text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, port);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

// Splits at the last colon; IPv6 hosts stand in brackets.
Result<HostPort> Split(std::string_view address) {
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos || !IsPort(address.substr(colon + 1)))
    return std::unexpected(BadAddress(address));
  std::string_view host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string_view::npos)
    return std::unexpected(BadAddress(address));
  return HostPort{std::string(host), std::string(address.substr(colon + 1))};
}

std::string AddressOf(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
  return DescribeAddress(bound, size);
}

// A socket file that nobody listens on any more is left over from a crash. Connecting to any other
// file is refused in the same way: what is no socket stays.
void RemoveLeftover(const std::string& path, const sockaddr_un& name) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return;
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return;
  if (::connect(probe, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 &&
      errno == ECONNREFUSED) {
    ::unlink(path.c_str());
  }
  ::close(probe);
}

}  // namespace

ListenSocket::ListenSocket(ListenSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      address_(std::move(other.address_)),
      unix_path_(std::exchange(other.unix_path_, {})),
      adopted_(other.adopted_) {}

ListenSocket& ListenSocket::operator=(ListenSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(address_, other.address_);
  std::swap(unix_path_, other.unix_path_);
  std::swap(adopted_, other.adopted_);
  return *this;
}

ListenSocket::~ListenSocket() { Close(); }

// Closing a listening socket resets the connections in its queue. One that came between the last
// accept(2) and close(2) would be lost with what its client has sent, so the door is shut first: a
// unix socket loses its name, and TCP drops the segments that open connections, which clients send
// again until they are refused (RFC 9293 section 3.10.7.2), a second later, by the closed port.
bool ListenSocket::Seal() {
  if (adopted_ || fd_ < 0) return false;
  if (!unix_path_.empty()) {
    ::unlink(std::exchange(unix_path_, {}).c_str());
    return true;
  }
  constexpr unsigned kFlagsOffset = 13;  // RFC 9293 section 3.1
  constexpr unsigned kSyn = 0x02;
  std::array<sock_filter, 4> program = {{
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlagsOffset),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kSyn, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
  }};
  const sock_fprog filter = {.len = program.size(), .filter = program.data()};
  ::setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
  return true;
}

void ListenSocket::Close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  if (!unix_path_.empty()) ::unlink(std::exchange(unix_path_, {}).c_str());
}

Result<ListenSocket> ListenSocket::Open(std::string_view address) {
  if (address.starts_with(kUnixPrefix))
    return OpenUnix(std::string(address.substr(kUnixPrefix.size())));
  return OpenTcp(address);
}

Status ListenSocket::CheckAddress(std::string_view address) {
  if (!address.starts_with(kUnixPrefix)) {
    TRY(Split(address));
    return {};
  }
  const std::string_view path = address.substr(kUnixPrefix.size());
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path))
    return std::unexpected(BadAddress(address));
  return {};
}

Result<ListenSocket> ListenSocket::Adopt(int fd) {
  int listening = 0;
  int type = 0;
  socklen_t size = sizeof listening;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0 ||
      ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) {
    return std::unexpected(Error(
        Code::kInvalidArgument, "BAD_ADDRESS",
        fmt::format("the descriptor {} that was handed over is no stream socket that listens: "
                    "use ListenStream= in the socket unit",
                    fd)));
  }
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  ListenSocket adopted(fd, AddressOf(fd), "");
  adopted.adopted_ = true;
  return adopted;
}

Result<ListenSocket> ListenSocket::OpenUnix(const std::string& path) {
  const std::string address = fmt::format("{}{}", kUnixPrefix, path);
  TRY(CheckAddress(address));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, path.size());
  RemoveLeftover(path, name);
  ListenSocket made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), address, "");
  if (::bind(made.fd_, reinterpret_cast<sockaddr*>(&name), sizeof name) != 0 ||
      ::listen(made.fd_, kBacklog) != 0) {
    return std::unexpected(ListenError(address, kUnixAdvice, errno));
  }
  made.unix_path_ = path;
  return made;
}

Result<ListenSocket> ListenSocket::OpenTcp(std::string_view address) {
  TRY_ASSIGN(const HostPort where, Split(address));
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const char* host = where.host.empty() ? nullptr : where.host.c_str();
  if (::getaddrinfo(host, where.port.c_str(), &hints, &found) != 0)
    return std::unexpected(BadAddress(address));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  ListenSocket made(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "",
                    "");
  const int on = 1;
  ::setsockopt(made.fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(made.fd_, found->ai_addr, found->ai_addrlen) != 0 ||
      ::listen(made.fd_, kBacklog) != 0) {
    return std::unexpected(ListenError(address, kTcpAdvice, errno));
  }
  made.address_ = AddressOf(made.fd_);
  return made;
}

}  // namespace prism::rpc

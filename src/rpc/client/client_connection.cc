#include "rpc/client/client_connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace prism::rpc {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;

std::string Describe(int error) { return std::generic_category().message(error); }

// Owns a descriptor until it is released.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// 0 or the errno of the attempt; ETIMEDOUT at the deadline.
int ConnectWithin(int fd, const sockaddr* address, socklen_t length, MonoNanos deadline) {
  if (connect(fd, address, length) == 0) return 0;
  if (errno != EINPROGRESS && errno != EINTR) return errno;
  pollfd waited{.fd = fd, .events = POLLOUT, .revents = 0};
  int ready = 0;
  do {
    ready = poll(&waited, 1, PollTimeout(deadline));
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof(error);
  if (ready < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

Error Unreachable(const std::string& name, std::string_view why) {
  return Error(Code::kUnavailable, "SERVER_UNREACHABLE",
               fmt::format("no server answers at {}: {}; check the address, or start one there "
                           "with \"prism serve\"",
                           name, why))
      .With("server", name);
}

Result<int> ConnectUnix(const ClientTarget& target, MonoNanos deadline) {
  Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return std::unexpected(Unreachable(target.ToString(), Describe(errno)));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, target.unix_path.data(), target.unix_path.size());
  const int error = ConnectWithin(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                                  sizeof(address), deadline);
  if (error != 0) return std::unexpected(Unreachable(target.ToString(), Describe(error)));
  return fd.Release();
}

Result<int> ConnectTcp(const ClientTarget& target, MonoNanos deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed =
      getaddrinfo(target.host.c_str(), std::to_string(target.port).c_str(), &hints, &found);
  if (failed != 0) return std::unexpected(Unreachable(target.ToString(), gai_strerror(failed)));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);

  int error = EHOSTUNREACH;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    Descriptor fd(socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd.get() < 0) {
      error = errno;
      continue;
    }
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on,
               sizeof(on));  // latency only: its failure harms nothing
    error = ConnectWithin(fd.get(), address->ai_addr, address->ai_addrlen, deadline);
    if (error == 0) return fd.Release();
  }
  return std::unexpected(Unreachable(target.ToString(), Describe(error)));
}

}  // namespace

int PollTimeout(MonoNanos deadline) {
  const MonoNanos left = deadline - MonotonicNow();
  if (left <= 0) return 0;
  constexpr MonoNanos kHour = 3600 * kNanosPerSecond;
  return static_cast<int>((std::min(left, kHour) + kNanosPerMilli - 1) / kNanosPerMilli);
}

ClientConnection::~ClientConnection() { close(fd_); }

Result<std::unique_ptr<ClientConnection>> ClientConnection::Open(
    const ClientTarget& target, const std::optional<ClientTlsOptions>& tls, std::string_view alpn,
    MonoNanos deadline) {
  TRY_ASSIGN(const int fd,
             target.is_unix() ? ConnectUnix(target, deadline) : ConnectTcp(target, deadline));
  auto connection = std::unique_ptr<ClientConnection>(new ClientConnection(fd, target.ToString()));
  if (tls) TRY(connection->StartTls(*tls, target, alpn, deadline));
  return connection;
}

Status ClientConnection::StartTls(const ClientTlsOptions& options, const ClientTarget& target,
                                  std::string_view alpn, MonoNanos deadline) {
  TRY_ASSIGN(tls_, TlsClient::Make(options, target.is_unix() ? "localhost" : target.host, alpn));
  std::string nothing;
  std::string early;
  while (!tls_->ready()) {
    TRY_ASSIGN(const Outcome outcome, Exchange(nothing, early, deadline, false));
    if (outcome == Outcome::kTimeout) {
      return std::unexpected(
          Unreachable(name_, "the TLS handshake took too long (is it a TLS port?)"));
    }
    if (outcome == Outcome::kClosed) {
      return std::unexpected(
          Unreachable(name_, "it closed the connection during the TLS handshake"));
    }
  }
  // The server's SETTINGS may share a segment with the end of the handshake.
  early_ = std::move(early);
  return {};
}

Result<ClientConnection::Outcome> ClientConnection::Exchange(std::string& out, std::string& in,
                                                             MonoNanos deadline, bool more) {
  if (!tls_) return ExchangeRaw(out, in, deadline, more);
  if (!early_.empty()) {
    in += std::exchange(early_, {});
    return Outcome::kProgress;
  }
  while (!out.empty()) {
    TRY_ASSIGN(const std::size_t taken, tls_->Send(out));
    if (taken == 0) break;
    out.erase(0, taken);
  }
  tls_->Drain(cipher_out_);
  std::string cipher_in;
  TRY_ASSIGN(const Outcome outcome, ExchangeRaw(cipher_out_, cipher_in, deadline, more));
  if (!cipher_in.empty()) {
    TRY(tls_->Receive(cipher_in, in));
    tls_->Drain(cipher_out_);
    if (!cipher_out_.empty()) TRY(SendSome(cipher_out_));
  }
  return outcome;
}

Result<ClientConnection::Outcome> ClientConnection::ExchangeRaw(std::string& out, std::string& in,
                                                                MonoNanos deadline, bool more) {
  TRY(SendSome(out));
  while (true) {
    const bool sending = !out.empty();
    pollfd waited{
        .fd = fd_, .events = static_cast<short>(POLLIN | (sending ? POLLOUT : 0)), .revents = 0};
    // With more at hand there is no reason to wait, unless the socket is full.
    const bool wait = sending || !more;
    const int ready = poll(&waited, 1, wait ? PollTimeout(deadline) : 0);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return std::unexpected(Lost(errno));
    if (ready == 0) return wait ? Outcome::kTimeout : Outcome::kProgress;
    if ((waited.revents & POLLOUT) != 0) TRY(SendSome(out));
    if ((waited.revents & ~POLLOUT) != 0) return ReceiveSome(in);
    return Outcome::kProgress;
  }
}

Status ClientConnection::SendSome(std::string& out) {
  std::size_t sent = 0;
  while (sent < out.size()) {
    const ssize_t count = send(fd_, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EINTR) continue;
      // A peer that has reset the connection may have said why before: what it sent is read first.
      if (errno == EAGAIN || errno == EPIPE || errno == ECONNRESET) break;
      return std::unexpected(Lost(errno));
    }
    sent += static_cast<std::size_t>(count);
  }
  out.erase(0, sent);
  return {};
}

Result<ClientConnection::Outcome> ClientConnection::ReceiveSome(std::string& in) {
  const std::size_t before = in.size();
  while (true) {
    in.resize(before + kReadBytes);
    const ssize_t count = recv(fd_, in.data() + before, kReadBytes, 0);
    const int error = errno;
    in.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count > 0) return Outcome::kProgress;
    if (count == 0) return Outcome::kClosed;
    if (error == EINTR) continue;
    if (error == EAGAIN) return Outcome::kProgress;
    return std::unexpected(Lost(error));
  }
}

Error ClientConnection::Lost(int error) const {
  return Error(Code::kUnavailable, "CONNECTION_LOST",
               fmt::format("the connection to {} broke ({}): whether a call in flight was carried "
                           "out is unknown; "
                           "check that the server runs and try again",
                           name_, Describe(error)))
      .With("server", name_);
}

}  // namespace prism::rpc

#include "backends/driver/socket_channel.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace prism::backends {
namespace {

// Taken at once. Answers of a whole pipeline fit, and other connections have their turn after it.
constexpr std::size_t kReadBytes = std::size_t{64} * 1024;
// Encrypted at once: a server that is slow to read costs no more than this.
constexpr std::size_t kCipherBytes = std::size_t{256} * 1024;

Error Lost(std::string_view why) {
  return Error(Code::kUnavailable, "CONNECTION_LOST",
               fmt::format("the connection is lost: {}", why));
}

}  // namespace

SocketChannel::SocketChannel(runtime::Shard& shard, base::UniqueFd fd,
                             std::unique_ptr<rpc::TlsClient> tls, ChannelListener& listener)
    : shard_(shard), fd_(std::move(fd)), tls_(std::move(tls)), listener_(listener) {}

SocketChannel::~SocketChannel() { Close(); }

Status SocketChannel::Start() {
  looking_ = EPOLLIN;
  TRY(shard_.Watch(fd_.get(), looking_, *this));
  if (tls_ != nullptr) {
    owes_room_ = true;
    SendCipher();  // the ClientHello
  }
  return {};
}

void SocketChannel::Close() {
  if (!fd_) return;
  if (looking_ != 0) shard_.Unwatch(fd_.get(), *this);
  looking_ = 0;
  fd_.reset();
}

void SocketChannel::Lose(Error why) {
  Close();
  listener_.OnLost(std::move(why));
}

// Fails only without memory, and then the connection is found lost by silence.
void SocketChannel::Look(std::uint32_t events) {
  if (events == looking_ || !fd_) return;
  looking_ = events;
  (void)shard_.Rewatch(fd_.get(), events, *this);
}

void SocketChannel::OnReady(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0 && (tls_ == nullptr || SendCipher())) {
    Look(EPOLLIN);
    if ((tls_ == nullptr || tls_->ready()) && std::exchange(owes_room_, false)) listener_.OnRoom();
  }
  if (fd_ && (events & ~std::uint32_t{EPOLLOUT}) != 0) Receive();
}

void SocketChannel::Receive() {
  std::array<char, kReadBytes> buffer;  // NOLINT: read into, never as it is
  const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got < 0) return Lose(Lost(std::generic_category().message(errno)));
  if (got == 0) return Lose(Lost("the server has closed it"));
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
  if (tls_ == nullptr) return listener_.OnBytes(bytes);

  plain_.clear();
  const bool was_ready = tls_->ready();
  if (Status received = tls_->Receive(bytes, plain_); !received) {
    SendCipher();  // the alert that says why
    return Lose(std::move(received).error());
  }
  SendCipher();
  if (!was_ready && tls_->ready() && std::exchange(owes_room_, false)) listener_.OnRoom();
  if (fd_ && !plain_.empty()) listener_.OnBytes(plain_);
}

std::size_t SocketChannel::Send(std::string_view bytes) {
  if (!fd_ || bytes.empty()) return 0;
  std::size_t taken = 0;
  if (tls_ == nullptr) {
    taken = SendPlain(bytes);
  } else if (tls_->ready() && cipher_.empty()) {
    // A session that has failed takes nothing, and the next that comes from the server says so.
    taken = tls_->Send(bytes.substr(0, kCipherBytes)).value_or(0);
    SendCipher();
  }
  if (taken < bytes.size()) {
    owes_room_ = true;
    if (tls_ == nullptr || tls_->ready()) Look(EPOLLIN | EPOLLOUT);
  }
  return taken;
}

// An error is found again by the next read: what the server had said before comes first.
std::size_t SocketChannel::SendPlain(std::string_view bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) break;
    done += static_cast<std::size_t>(sent);
  }
  return done;
}

bool SocketChannel::SendCipher() {
  tls_->Drain(cipher_);
  cipher_.erase(0, SendPlain(cipher_));
  if (!cipher_.empty()) Look(EPOLLIN | EPOLLOUT);
  return cipher_.empty();
}

}  // namespace prism::backends

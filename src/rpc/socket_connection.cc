#include "rpc/socket_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "rpc/server_shard.h"

namespace prism::rpc {
namespace {

// Frames are produced in portions of this size, so that a reader who is slow costs no more memory
// than this plus one portion.
constexpr std::size_t kPortionBytes = 128 * 1024;

}  // namespace

SocketConnection::SocketConnection(ServerShard& owner, int fd, std::string peer)
    : owner_(owner),
      fd_(fd),
      grpc_(std::make_unique<GrpcConnection>(owner.grpc(), static_cast<OutputListener&>(*this),
                                             std::move(peer))) {}

SocketConnection::~SocketConnection() {
  // Calls that are still running must not find a connection that is half gone.
  grpc_.reset();
  owner_.shard().Unwatch(fd_, *this);
  ::close(fd_);
}

bool SocketConnection::Start() {
  interest_ = EPOLLIN;
  if (!owner_.shard().Watch(fd_, interest_, *this)) return false;
  OnOutput();  // our SETTINGS
  return true;
}

void SocketConnection::OnOutput() { owner_.shard().AtTurnEnd(*this); }

void SocketConnection::OnReady(std::uint32_t events) {
  if ((events & EPOLLERR) != 0) return owner_.Close(*this);
  if ((events & (EPOLLIN | EPOLLHUP)) != 0 && !Read()) return owner_.Close(*this);
  if ((events & EPOLLOUT) != 0) OnOutput();
}

bool SocketConnection::Read() {
  const auto buffer = owner_.read_buffer();
  const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  if (ending_) return true;
  if (!grpc_->OnBytes({buffer.data(), static_cast<std::size_t>(got)}, owner_.shard().turn_time()))
    ending_ = true;
  OnOutput();
  return true;
}

void SocketConnection::OnTurnEnd() {
  if (!Write()) return owner_.Close(*this);
  UpdateInterest();
}

// Everything that is ready leaves in one write; the rest waits for EPOLLOUT.
bool SocketConnection::Write() {
  if (!unsent_.empty()) {
    if (!Send(unsent_)) return false;
    if (!unsent_.empty()) return true;
  }
  std::string& out = owner_.write_buffer();
  while (grpc_->wants_write()) {
    out.clear();
    grpc_->Produce(out, kPortionBytes);
    if (out.empty()) break;
    if (!Send(out)) return false;
    if (!out.empty()) {
      unsent_ = out;
      return true;
    }
  }
  return !(ending_ || grpc_->finished());
}

// Takes what was sent off the front. False: the peer is gone.
bool SocketConnection::Send(std::string& bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t sent = ::send(fd_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) return false;
    done += static_cast<std::size_t>(sent);
  }
  bytes.erase(0, done);
  return true;
}

// While the peer does not read its answers, nothing more is read from it.
void SocketConnection::UpdateInterest() {
  const std::uint32_t wanted = unsent_.empty() ? EPOLLIN : EPOLLOUT;
  if (wanted == interest_) return;
  interest_ = wanted;
  if (unsent_.empty()) unsent_.shrink_to_fit();
  if (!owner_.shard().Rewatch(fd_, interest_, *this)) owner_.Close(*this);
}

}  // namespace prism::rpc

#include "rpc/net/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

#include "rpc/net/socket_address.h"

namespace prism::rpc {
namespace {

// A bounded number a turn: a flood of connections must not starve the calls of this shard.
constexpr int kAcceptsPerTurn = 64;
constexpr int kLongestQueue = 4096;
// Short enough that nobody gives up, long enough that ten looks a second cost nothing.
constexpr MonoNanos kPause = 100 * kNanosPerMilli;

// accept(2): what ends by itself when somebody lets go of descriptors or memory. The connection
// stays in the queue, so a level-triggered loop would ask again at once, for ever.
bool IsShortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Status Listener::Start() {
  TRY(shard_.Watch(socket_.fd(), EPOLLIN, *this));
  watched_ = true;
  return {};
}

void Listener::Stop() {
  Disarm();
  if (watched_) shard_.Unwatch(socket_.fd(), *this);
  watched_ = false;
  if (socket_.Seal()) {
    for (int i = 0; i < kLongestQueue && AcceptOne(); ++i) {
    }
  }
  socket_.Close();
}

void Listener::OnReady(std::uint32_t /*events*/) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    if (AcceptOne()) continue;
    if (IsShortage(errno)) Pause();
    return;
  }
}

bool Listener::AcceptOne() {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  const int fd = ::accept4(socket_.fd(), reinterpret_cast<sockaddr*>(&peer), &size,
                           SOCK_CLOEXEC | SOCK_NONBLOCK);
  // A connection that failed before it was accepted is no reason to keep the next one waiting.
  if (fd < 0) return errno != EAGAIN && !IsShortage(errno);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
               sizeof on);  // fails on unix sockets, which need it not
  on_socket_(fd, DescribeAddress(peer, size));
  return true;
}

void Listener::Pause() {
  on_shortage_();
  shard_.Unwatch(socket_.fd(), *this);
  watched_ = false;
  shard_.ArmTimerAt(*this, shard_.turn_time() + kPause);
}

void Listener::OnTimer() {
  // Watching takes memory of the system, which may be short too.
  if (!Start()) shard_.ArmTimerAt(*this, shard_.turn_time() + kPause);
}

}  // namespace prism::rpc

#include "backends/driver/testing/tcp_gate.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "runtime/sync_wait.h"

namespace prism::backends::testing {
namespace {

// Connecting to what runs on the same machine ends at once.
base::UniqueFd Connect(const rpc::ClientTarget& server) {
  base::UniqueFd fd(::socket(server.is_unix() ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  int failed = -1;
  if (server.is_unix()) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    server.unix_path.copy(address.sun_path, sizeof address.sun_path - 1);
    failed = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  } else {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    failed = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  if (failed != 0) fd.reset();
  return fd;
}

// The end is a reset: what is under way is lost, as in a network that is cut.
void Break(base::UniqueFd& fd) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fd.reset();
}

}  // namespace

// One client, and the connection that it got to the server. One direction at a time is read and
// written whole (blocking): both ends are on this machine and read what they get.
class TcpGate::Pair final {
 public:
  Pair(TcpGate& gate, base::UniqueFd client, base::UniqueFd server)
      : gate_(gate),
        requests_(*this, std::move(client), gate.plan_.request_bytes),
        replies_(*this, std::move(server), gate.plan_.reply_bytes) {
    Apply();
  }
  ~Pair() { End(); }

  bool ended() const { return ended_; }
  // Takes on the gate's plan.
  void Apply() {
    requests_.left = gate_.plan_.request_bytes;
    replies_.left = gate_.plan_.reply_bytes;
    requests_.Look(!gate_.plan_.stalled);
    replies_.Look(!gate_.plan_.stalled);
  }
  void End() {
    if (std::exchange(ended_, true)) return;
    for (Way* way : {&requests_, &replies_}) {
      way->Disarm();
      way->Look(false);
      Break(way->from);
    }
  }

 private:
  struct Way final : runtime::FdHandler, runtime::Timer {
    Way(Pair& owner, base::UniqueFd source, std::size_t bytes)
        : pair(owner), from(std::move(source)), left(bytes) {}

    void Look(bool look) {
      if (look == looks || (look && armed())) return;
      looks = look;
      if (look) {
        (void)pair.gate_.shard_.Watch(from.get(), EPOLLIN, *this);
      } else {
        pair.gate_.shard_.Unwatch(from.get(), *this);
      }
    }
    void OnReady(std::uint32_t) override {
      const MonoNanos delay = this == &pair.replies_ ? pair.gate_.plan_.delay : 0;
      if (delay == 0) return pair.Move(*this);
      Look(false);
      pair.gate_.shard_.ArmTimerAt(*this, pair.gate_.shard_.turn_time() + delay);
    }
    void OnTimer() override {
      if (!pair.gate_.plan_.stalled) Look(true);
      pair.Move(*this);
    }

    Pair& pair;
    base::UniqueFd from;
    std::size_t left;  // bytes that pass
    bool looks = false;
  };

  void Move(Way& way) {
    std::array<char, 64 * 1024> bytes;  // NOLINT: read into
    const ssize_t got = ::recv(way.from.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return End();
    const Way& other = &way == &requests_ ? replies_ : requests_;
    const std::size_t size = std::min(static_cast<std::size_t>(got), way.left);
    std::string_view rest(bytes.data(), size);
    while (!rest.empty()) {
      const ssize_t sent = ::send(other.from.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent < 0) return End();
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    if (way.left != kEndless) way.left -= size;
    if (way.left == 0) EndInOrder();
  }

  // What has passed arrives.
  void EndInOrder() {
    for (Way* way : {&requests_, &replies_}) ::shutdown(way->from.get(), SHUT_RDWR);
    ended_ = true;
    for (Way* way : {&requests_, &replies_}) {
      way->Disarm();
      way->Look(false);
      way->from.reset();
    }
  }

  TcpGate& gate_;
  Way requests_;
  Way replies_;
  bool ended_ = false;
};

template <class F>
void TcpGate::OnShard(F work) {
  runtime::RunOn(shard_, [&work] {
    work();
    return []() -> runtime::Task<void> { co_return; }();
  });
}

TcpGate::TcpGate(rpc::ClientTarget server) : server_(std::move(server)) {
  door_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool listens = ::bind(door_.get(), generic, size) == 0 && ::listen(door_.get(), 128) == 0 &&
                       ::getsockname(door_.get(), generic, &size) == 0;
  PRISM_CHECK(listens && shard_.Start(), "a test has a port and a thread for its gate");
  port_ = ntohs(address.sin_port);
  OnShard([this] { (void)shard_.Watch(door_.get(), EPOLLIN, *this); });
}

TcpGate::~TcpGate() {
  OnShard([this] {
    shard_.Unwatch(door_.get(), *this);
    pairs_.clear();
  });
  shard_.Stop();
  shard_.Join();
}

void TcpGate::OnReady(std::uint32_t) {
  base::UniqueFd client(::accept4(door_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!client) return;
  std::erase_if(pairs_, [](const auto& pair) { return pair->ended(); });
  if (plan_.refusing) return Break(client);
  base::UniqueFd server = Connect(server_);
  if (!server) return Break(client);
  const int on = 1;
  ::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ++accepted_;
  pairs_.push_back(std::make_unique<Pair>(*this, std::move(client), std::move(server)));
}

void TcpGate::Apply(Plan plan) {
  OnShard([this, plan] {
    plan_ = plan;
    for (const auto& pair : pairs_) {
      if (!pair->ended()) pair->Apply();
    }
  });
}

void TcpGate::CutReplyAfter(std::size_t bytes) { Apply({.reply_bytes = bytes}); }
void TcpGate::CutRequestAfter(std::size_t bytes) { Apply({.request_bytes = bytes}); }
void TcpGate::Stall() { Apply({.stalled = true}); }
void TcpGate::Delay(MonoNanos by) { Apply({.delay = by}); }
void TcpGate::Refuse() { Apply({.refusing = true}); }
void TcpGate::Pass() { Apply({}); }

void TcpGate::CutAll() {
  OnShard([this] {
    for (const auto& pair : pairs_) pair->End();
  });
}

int TcpGate::accepted() {
  int count = 0;
  OnShard([this, &count] { count = accepted_; });
  return count;
}

}  // namespace prism::backends::testing

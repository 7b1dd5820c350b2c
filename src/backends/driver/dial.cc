#include "backends/driver/dial.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/epoll.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "rpc/net/socket_options.h"
#include "runtime/wait.h"

namespace prism::backends {
namespace {

using Addresses = Result<std::vector<SocketAddress>>;

Error Unreachable(const rpc::ClientTarget& target, std::string_view why) {
  return Error(Code::kUnavailable, "BACKEND_UNREACHABLE",
               fmt::format("nothing can be reached at {}: {}; check the address, and that the "
                           "server runs and is let through",
                           target.ToString(), why))
      .With("address", target.ToString());
}

std::string Describe(int number) { return std::generic_category().message(number); }

Addresses UnixAddress(const rpc::ClientTarget& target) {
  SocketAddress found{};
  auto* address = reinterpret_cast<sockaddr_un*>(&found.storage);
  address->sun_family = AF_UNIX;
  if (target.unix_path.size() >= sizeof address->sun_path) {
    return std::unexpected(Unreachable(target, "the path of a socket has at most 107 bytes"));
  }
  target.unix_path.copy(address->sun_path, target.unix_path.size());
  found.size = sizeof(sockaddr_un);
  return std::vector{found};
}

// `flags` of getaddrinfo(3). With AI_NUMERICHOST nothing is looked up.
Addresses LookUp(const rpc::ClientTarget& target, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* list = nullptr;
  const int failed =
      ::getaddrinfo(target.host.c_str(), std::to_string(target.port).c_str(), &hints, &list);
  if (failed != 0) return std::unexpected(Unreachable(target, ::gai_strerror(failed)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);
  std::vector<SocketAddress> found;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    SocketAddress& address = found.emplace_back();
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.size = one->ai_addrlen;
  }
  return found;
}

// Waits for the end of a connect(2) that is under way.
class Connecting final : private runtime::FdHandler {
 public:
  Connecting(runtime::Shard& shard, int fd) : shard_(shard), fd_(fd), ended_(shard) {}
  Connecting(const Connecting&) = delete;
  Connecting& operator=(const Connecting&) = delete;
  ~Connecting() { shard_.Unwatch(fd_, *this); }

  Status Start() { return shard_.Watch(fd_, EPOLLOUT, *this); }
  runtime::Wait Ended(MonoNanos deadline, runtime::CancelSource* cancel) {
    return ended_.For(deadline, cancel);
  }
  // 0, or why there is no connection.
  int Outcome() const {
    int number = 0;
    socklen_t size = sizeof number;
    return ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &number, &size) == 0 ? number : errno;
  }

 private:
  void OnReady(std::uint32_t) override {
    shard_.Unwatch(fd_, *this);
    ended_.Set();
  }

  runtime::Shard& shard_;
  int fd_;
  runtime::Event ended_;
};

// Errors are numbers of errno; ECANCELED: nobody waits any more.
runtime::Task<std::expected<base::UniqueFd, int>> Connect(runtime::Shard* shard,
                                                          const SocketAddress* address,
                                                          MonoNanos deadline,
                                                          runtime::CancelSource* cancel) {
  base::UniqueFd fd(
      ::socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) co_return std::unexpected(errno);
  rpc::SetMessageOptions(fd.get());
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address->storage), address->size) ==
      0) {
    co_return std::move(fd);
  }
  if (errno != EINPROGRESS) co_return std::unexpected(errno);
  Connecting connecting(*shard, fd.get());
  if (!connecting.Start()) co_return std::unexpected(ENOMEM);
  const runtime::WaitResult ended = co_await connecting.Ended(deadline, cancel);
  if (ended == runtime::WaitResult::kCancelled) co_return std::unexpected(ECANCELED);
  if (ended == runtime::WaitResult::kDeadline) co_return std::unexpected(ETIMEDOUT);
  if (const int failed = connecting.Outcome(); failed != 0) co_return std::unexpected(failed);
  co_return std::move(fd);
}

}  // namespace

runtime::Task<Addresses> Resolve(runtime::BlockingPool* pool, rpc::ClientTarget target) {
  if (target.is_unix()) co_return UnixAddress(target);
  Addresses literal = LookUp(target, AI_NUMERICHOST);
  if (literal) co_return literal;
  const rpc::ClientTarget* asked = &target;
  auto found = co_await pool->Run([asked] { return LookUp(*asked, 0); });
  if (!found) co_return std::unexpected(std::move(found).error());
  co_return *std::move(found);
}

runtime::Task<Result<base::UniqueFd>> Dial(runtime::Shard* shard, runtime::BlockingPool* pool,
                                           rpc::ClientTarget target, MonoNanos deadline,
                                           runtime::CancelSource* cancel) {
  auto resolved = co_await Resolve(pool, target);
  CO_TRY_ASSIGN(const std::vector<SocketAddress> addresses, std::move(resolved));
  int why = EHOSTUNREACH;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    // An address that does not answer leaves time for those behind it.
    const MonoNanos now = MonotonicNow();
    const auto left = static_cast<MonoNanos>(addresses.size() - i);
    const MonoNanos part = now + std::max<MonoNanos>(deadline - now, 0) / left;
    auto connected = co_await Connect(shard, &addresses[i], part, cancel);
    if (connected) co_return *std::move(connected);
    why = connected.error();
    if (why == ECANCELED) {
      co_return std::unexpected(Error(Code::kCancelled, "CANCELLED", "nobody waits any more"));
    }
  }
  co_return std::unexpected(Unreachable(target, Describe(why)));
}

}  // namespace prism::backends

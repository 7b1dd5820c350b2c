#include "rpc/net/call_server.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "runtime/sync_wait.h"

namespace prism::rpc {
namespace {

runtime::Task<Status> StartListener(Listener& listener) { co_return listener.Start(); }
runtime::Task<void> StopListener(Listener& listener) {
  listener.Stop();
  co_return;
}
runtime::Task<void> UseTls(ServerShard& shard, std::shared_ptr<const TlsContext> tls) {
  shard.UseTls(std::move(tls));
  co_return;
}
runtime::Task<void> UseCors(ServerShard& shard, Cors cors) {
  shard.calls().UseCors(std::move(cors));
  co_return;
}
runtime::Task<void> AnnounceDrain(ServerShard& shard) {
  shard.AnnounceDrain();
  co_return;
}

}  // namespace

CallServer::CallServer(runtime::ShardPool& shards, Dispatcher& dispatcher,
                       const ServerLimits& limits, const Cors& cors)
    : shards_(shards), limits_(limits) {
  // Each shard has its share; a message that is larger passes by turns.
  limits_.max_buffered_bytes /= static_cast<std::uint64_t>(shards.size());
  for (int i = 0; i < shards.size(); ++i) {
    per_shard_.push_back(
        std::make_unique<ServerShard>(shards.at(i), dispatcher, limits_, cors, tls_counters_));
  }
}

CallServer::~CallServer() { Stop(); }

void CallServer::UseTls(const std::shared_ptr<const TlsContext>& tls) {
  secure_ = true;
  for (auto& shard : per_shard_)
    runtime::RunOn(shard->shard(), [&] { return prism::rpc::UseTls(*shard, tls); });
}

void CallServer::UseCors(const Cors& cors) {
  for (auto& shard : per_shard_)
    runtime::RunOn(shard->shard(), [&] { return prism::rpc::UseCors(*shard, cors); });
}

Result<std::string> CallServer::Listen(std::string_view address) {
  TRY_ASSIGN(ListenSocket socket, ListenSocket::Open(address));
  return Listen(std::move(socket));
}

Result<std::string> CallServer::Listen(ListenSocket socket,
                                       std::shared_ptr<const LocalHosts> hosts) {
  runtime::Shard& acceptor = shards_.at(0);
  // What goes through a unix socket never leaves the machine.
  const bool is_unix = socket.address().starts_with("unix:");
  const bool secure = secure_ && !is_unix;
  if (secure || is_unix) hosts.reset();
  auto listener = std::make_unique<Listener>(
      acceptor, std::move(socket),
      [this, secure, hosts](int fd, std::string peer) {
        Place({.fd = fd, .peer = std::move(peer), .secure = secure, .hosts = hosts});
      },
      [this] { accept_pauses_.fetch_add(1, std::memory_order_relaxed); });
  TRY(runtime::RunOn(acceptor, [&] { return StartListener(*listener); }));
  listeners_.push_back(std::move(listener));
  return listeners_.back()->address();
}

// To the shard with the fewest connections.
void CallServer::Place(NewSocket socket) {
  if (static_cast<std::uint32_t>(connections()) >= limits_.max_connections) {
    const auto most = std::ranges::max_element(per_shard_, {}, &ServerShard::load);
    return MakeRoom(static_cast<std::size_t>(most - per_shard_.begin()), 0, std::move(socket));
  }
  ServerShard* least = std::ranges::min_element(per_shard_, {}, &ServerShard::load)->get();
  least->ExpectOne();
  least->shard().Post(
      [least, socket = std::move(socket)]() mutable { least->Adopt(std::move(socket)); });
}

// Asks one shard after the other to give up a connection for this one, in their threads.
void CallServer::MakeRoom(std::size_t index, std::size_t asked, NewSocket socket) {
  ServerShard& shard = *per_shard_[index];
  shard.ExpectOne();
  shard.shard().Post([this, index, asked, socket = std::move(socket)]() mutable {
    if (per_shard_[index]->AdoptInstead(socket)) return;
    if (asked + 1 < per_shard_.size()) {
      return MakeRoom((index + 1) % per_shard_.size(), asked + 1, std::move(socket));
    }
    refused_.fetch_add(1, std::memory_order_relaxed);
    ::close(socket.fd);
  });
}

void CallServer::StopListening() {
  for (auto& listener : listeners_)
    runtime::RunOn(shards_.at(0), [&] { return StopListener(*listener); });
  listeners_.clear();
}

void CallServer::StopSharedListeners() {
  for (auto& listener : listeners_) {
    if (listener->shared()) {
      runtime::RunOn(shards_.at(0), [&] { return StopListener(*listener); });
    }
  }
}

int CallServer::connections() const {
  int total = 0;
  for (const auto& shard : per_shard_) total += shard->load();
  return total;
}

ConnectionCounts CallServer::connection_counts() const {
  ConnectionCounts sum;
  for (const auto& shard : per_shard_) shard->counters().AddTo(sum);
  return sum;
}

CallServer::Crowding CallServer::crowding() const {
  Crowding total{.refused = refused_.load(std::memory_order_relaxed)};
  for (const auto& shard : per_shard_) {
    total.given_up += shard->given_up();
    total.relieved += shard->relieved();
  }
  return total;
}

bool CallServer::Drain(MonoNanos deadline) {
  StopListening();
  if (!std::exchange(draining_, true)) {
    for (auto& shard : per_shard_)
      runtime::RunOn(shard->shard(), [&] { return AnnounceDrain(*shard); });
  }
  bool empty = true;
  for (auto& shard : per_shard_) {
    runtime::RunOn(shard->shard(), [&] { return shard->WaitUntilEmpty(deadline); });
    empty = empty && shard->load() == 0;
  }
  return empty;
}

void CallServer::Stop() {
  if (std::exchange(stopped_, true)) return;
  StopListening();
  for (auto& shard : per_shard_) runtime::RunOn(shard->shard(), [&] { return shard->Stop(); });
}

}  // namespace prism::rpc

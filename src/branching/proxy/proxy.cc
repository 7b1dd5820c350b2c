#include "branching/proxy/proxy.h"

#include <algorithm>
#include <utility>

#include "branching/scram/channel_binding.h"
#include "runtime/sync_wait.h"

namespace prism::branching {
namespace {

runtime::Task<Status> StartListener(rpc::Listener* listener) { co_return listener->Start(); }
runtime::Task<void> StopListener(rpc::Listener* listener) {
  listener->Stop();
  co_return;
}

}  // namespace

std::shared_ptr<const ProxyTls> MakeProxyTls(std::shared_ptr<const rpc::TlsContext> context) {
  std::string end_point = TlsServerEndPoint(context->certificate());
  return std::make_shared<const ProxyTls>(std::move(context), std::move(end_point));
}

Proxy::Proxy(runtime::ShardPool& shards, BranchHost& host, Clock& clock, telemetry::Logger& logger,
             ProxyNaming naming, const ProxyLimits& limits)
    : pool_(shards),
      context_{.host = host,
               .clock = clock,
               .logger = logger,
               .naming = std::move(naming),
               .limits = limits} {
  for (int i = 0; i < pool_.size(); ++i) {
    shards_.push_back(std::make_unique<ProxyShard>(pool_.at(i), context_, i));
  }
  context_.shards = shards_;
}

Proxy::~Proxy() { Stop(); }

Result<std::string> Proxy::Listen(rpc::ListenSocket socket, HelloRules rules) {
  runtime::Shard& acceptor = pool_.at(0);
  if (socket.address().starts_with("unix:")) {
    rules.transport = StartupParser::Transport::kUnixSocket;
    rules.tls_required = false;  // what goes through it never leaves the machine
  }
  auto listener = std::make_unique<rpc::Listener>(
      acceptor, std::move(socket),
      [this, rules](int fd, std::string peer) {
        Place(base::UniqueFd(fd), std::move(peer), rules);
      },
      [this] { context_.counters.accept_pauses.fetch_add(1, std::memory_order_relaxed); });
  TRY(runtime::RunOn(acceptor, [&] { return StartListener(listener.get()); }));
  listeners_.push_back(std::move(listener));
  return listeners_.back()->address();
}

// To the shard with the fewest.
void Proxy::Place(base::UniqueFd fd, std::string peer, const HelloRules& rules) {
  context_.counters.accepted.fetch_add(1, std::memory_order_relaxed);
  ProxyShard* least = std::ranges::min_element(shards_, {}, &ProxyShard::load)->get();
  least->ExpectOne();
  HelloRules own = rules;
  auto newer = own.tls != nullptr ? tls_.load() : nullptr;
  if (newer != nullptr) own.tls = std::move(newer);
  least->shard().Post(
      [least, fd = std::move(fd), peer = std::move(peer), own = std::move(own)]() mutable {
        least->Adopt(std::move(fd), std::move(peer), std::move(own));
      });
}

void Proxy::Stop() {
  if (std::exchange(stopped_, true)) return;
  for (auto& listener : listeners_) {
    runtime::RunOn(pool_.at(0), [&] { return StopListener(listener.get()); });
  }
  for (auto& shard : shards_) {
    runtime::RunOn(shard->shard(), [&] { return shard->Stop(); });
  }
}

}  // namespace prism::branching

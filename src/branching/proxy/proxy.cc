#include "branching/proxy/proxy.h"

#include <algorithm>
#include <utility>

#include "branching/pgwire/refusal.h"
#include "branching/scram/channel_binding.h"
#include "runtime/sync_wait.h"

namespace prism::branching {
namespace {

// Clients that share a shard before the next one gets any (ADR 0124).
constexpr int kPack = 8;

runtime::Task<void> BeginDrain(ProxyShard* shard) {
  shard->BeginDrain();
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
  std::string address = listener->address();
  TRY(runtime::RunOn(acceptor, [&] { return StartListener(std::move(listener)); }));
  return address;
}

runtime::Task<Status> Proxy::StartListener(std::unique_ptr<rpc::Listener> listener) {
  if (closed_) co_return std::unexpected(Refuse(Refusal::kShuttingDown));
  CO_TRY(listener->Start());
  listeners_.push_back(std::move(listener));
  co_return Status();
}

runtime::Task<void> Proxy::StopListeners() {
  closed_ = true;
  for (auto& listener : listeners_) listener->Stop();
  listeners_.clear();
  co_return;
}

void Proxy::CloseGate() {
  OnGates([](Gate& gate) { gate.Close(); });
}

void Proxy::TurnAway(const Error& answer) {
  OnGates([answer](Gate& gate) { gate.TurnAway(answer); });
}

void Proxy::OpenGate() {
  OnGates([](Gate& gate) { gate.Open(); });
}

// Not one that drains: it lets nobody in any more.
void Proxy::OnGates(const std::function<void(Gate&)>& change) {
  for (const auto& shard : shards_) {
    shard->shard().Post([shard = shard.get(), change] {
      if (!shard->draining()) change(shard->gate());
    });
  }
}

// To the shard with the fewest packs, of those the first.
void Proxy::Place(base::UniqueFd fd, std::string peer, const HelloRules& rules) {
  context_.counters.accepted.fetch_add(1, std::memory_order_relaxed);
  const auto packs = [](const auto& shard) { return shard->load() / kPack; };
  ProxyShard* least = std::ranges::min_element(shards_, {}, packs)->get();
  least->ExpectOne();
  HelloRules own = rules;
  auto newer = own.tls != nullptr ? tls_.load() : nullptr;
  if (newer != nullptr) own.tls = std::move(newer);
  least->shard().Post(
      [least, fd = std::move(fd), peer = std::move(peer), own = std::move(own)]() mutable {
        least->Adopt(std::move(fd), std::move(peer), std::move(own));
      });
}

bool Proxy::Drain(MonoNanos deadline) {
  if (!std::exchange(draining_, true)) {
    runtime::RunOn(pool_.at(0), [this] { return StopListeners(); });
    for (auto& shard : shards_) {
      runtime::RunOn(shard->shard(), [&] { return BeginDrain(shard.get()); });
    }
  }
  bool empty = true;
  for (auto& shard : shards_) {
    runtime::RunOn(shard->shard(), [&] { return shard->WaitUntilEmpty(deadline); });
    empty = empty && shard->load() == 0;
  }
  return empty;
}

void Proxy::Stop() {
  if (std::exchange(stopped_, true)) return;
  runtime::RunOn(pool_.at(0), [this] { return StopListeners(); });
  for (auto& shard : shards_) {
    runtime::RunOn(shard->shard(), [&] { return shard->Stop(); });
  }
}

}  // namespace prism::branching

// The PostgreSQL listener: clients come here, and each gets into its branch.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "branching/proxy/proxy_shard.h"
#include "rpc/net/listen_socket.h"
#include "rpc/net/listener.h"
#include "runtime/shard.h"

namespace prism::branching {

// `context` must speak "postgresql" (TlsOptions::protocols).
std::shared_ptr<const ProxyTls> MakeProxyTls(std::shared_ptr<const rpc::TlsContext> context);

// Life cycle: construct (the shards are running), perhaps CloseGate, Listen for each address,
// perhaps Drain, Stop, destroy. Thread rule: one control thread that is no shard, which all of them
// block; Drain may run beside Listen.
class Proxy {
 public:
  // Everything outlives the proxy.
  Proxy(runtime::ShardPool& shards, BranchHost& host, Clock& clock, telemetry::Logger& logger,
        ProxyNaming naming, const ProxyLimits& limits);
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;
  ~Proxy();

  // Serves there from now on; answers the address with the port that the system chose. The
  // transport of the rules is set to that of the socket. UNAVAILABLE/SHUTTING_DOWN once a drain has
  // begun.
  Result<std::string> Listen(rpc::ListenSocket socket, HelloRules rules);
  // Who would log in waits from now on, no longer than for a branch.
  void CloseGate();
  // They are told `answer` from now on, who waits and who comes.
  void TurnAway(const Error& answer);
  // They log in from now on, as from the beginning when the gate is never closed.
  void OpenGate();
  // Instead of what the rules have, wherever they have any: for clients that come from now on. Any
  // thread.
  void UseTls(std::shared_ptr<const ProxyTls> tls) { tls_.store(std::move(tls)); }
  const ProxyCounters& counters() const { return context_.counters; }
  // Lets nobody in any more, ends each session as soon as no transaction of it is open, and waits
  // for that, at most until `deadline`; whether all have ended. May be called again to wait longer.
  bool Drain(MonoNanos deadline);
  // On that shard.
  const EntryTimes& entry_times(int shard) const {
    return shards_[static_cast<std::size_t>(shard)]->entry_times();
  }
  // Accepts no more and ends all sessions.
  void Stop();

 private:
  runtime::Task<Status> StartListener(std::unique_ptr<rpc::Listener> listener);
  runtime::Task<void> StopListeners();
  void OnGates(const std::function<void(Gate&)>& change);
  void Place(base::UniqueFd fd, std::string peer, const HelloRules& rules);

  runtime::ShardPool& pool_;
  ProxyContext context_;
  std::vector<std::unique_ptr<ProxyShard>> shards_;
  std::vector<std::unique_ptr<rpc::Listener>> listeners_;  // of the first shard, as closed_
  bool closed_ = false;
  std::atomic<std::shared_ptr<const ProxyTls>> tls_;  // null: that of the rules
  bool draining_ = false;
  bool stopped_ = false;
};

}  // namespace prism::branching

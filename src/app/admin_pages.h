// What the admin port answers: health, metrics, version, configuration.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config_keeper.h"
#include "app/settings.h"
#include "engine/memory/memory_budget.h"
#include "gateway/gateway.h"
#include "rpc/admin/http1_admin.h"
#include "rpc/net/call_server.h"
#include "rpc/tls/tls_counters.h"
#include "runtime/blocking_pool.h"
#include "runtime/shard.h"
#include "runtime/task.h"
#include "telemetry/prometheus.h"

namespace prism::app {

// What the control thread tells the admin port. Each value by itself.
struct Lifecycle {
  std::atomic<bool> serving = false;  // listening and not draining
  std::atomic<bool> last_reload_failed = false;
  std::atomic<std::uint64_t> reloads = 0;
};

// Life cycle: made by the server, outlives the admin listener. Thread rule: pages are asked for on
// one shard, always the same.
class AdminPages final : public rpc::HttpGetHandler {
 public:
  // Everything outlives the pages.
  struct Parts {
    const ServerSettings& settings;
    const Lifecycle& lifecycle;
    runtime::ShardPool& shards;
    runtime::BlockingPool& pool;
    gateway::Gateway& gateway;
    const gateway::MethodTable& methods;
    const engine::MemoryBudget& budget;
    const ConfigKeeper& config;
    std::function<rpc::ConnectionCounts()> connections;          // any thread
    std::function<std::uint64_t()> accept_pauses;                // any thread
    std::function<rpc::CallServer::Crowding()> crowding;         // any thread
    std::function<const rpc::TlsCounters&()> tls_counters = {};  // any thread; only with TLS
  };

  explicit AdminPages(const Parts& parts)
      : parts_(parts), gateway_metrics_(parts.methods), cors_(parts.settings.cors) {}

  runtime::Task<rpc::HttpReply> Get(std::string target) override;
  // What new connections begin with. On the shard of the pages.
  void UseTls(std::shared_ptr<const rpc::TlsContext> tls) { tls_ = std::move(tls); }
  // Which web pages may call from now on. On the shard of the pages.
  void UseCors(rpc::CorsSettings cors) { cors_ = std::move(cors); }

 private:
  // One line of /readyz?verbose.
  struct Check {
    std::string name;
    std::string problem;   // empty: well
    bool required = true;  // of readiness
  };
  using Checks = std::vector<Check>;

  runtime::Task<rpc::HttpReply> Ready(bool verbose);
  runtime::Task<rpc::HttpReply> Metrics();
  void WriteConnections(telemetry::PrometheusText& text) const;
  void WriteTls(telemetry::PrometheusText& text) const;
  runtime::Task<rpc::HttpReply> Slow();
  rpc::HttpReply Version() const;
  rpc::HttpReply Config() const;
  runtime::Task<Checks> CheckBackends();

  Parts parts_;
  gateway::GatewayMetrics gateway_metrics_;
  rpc::CorsSettings cors_;
  std::shared_ptr<const rpc::TlsContext> tls_;  // null: plain text
};

}  // namespace prism::app

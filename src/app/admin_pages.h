// The pages of the admin port: health, metrics, version, configuration.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/branching.h"
#include "app/config_keeper.h"
#include "app/settings.h"
#include "contract/implements.h"
#include "gateway/admin/admin_dispatcher.h"
#include "gateway/gateway.h"
#include "gateway/gather.h"
#include "models/memory_budget.h"
#include "prism/admin/v1/pages.pb.h"
#include "prism/admin/v1/pages.prism.h"
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

// Life cycle: made by the server, outlives the admin port. Thread rule: any shard, but UseTls and
// UseCors, which belong to the control thread.
class AdminPages final : public contract::Implements<admin::v1::Pages> {
 public:
  // Everything outlives the pages.
  struct Parts {
    const ServerSettings& settings;
    const Lifecycle& lifecycle;
    runtime::ShardPool& shards;
    runtime::BlockingPool& pool;
    gateway::Gateway& gateway;
    const gateway::MethodTable& methods;
    const models::MemoryBudget& budget;
    const ConfigKeeper& config;
    std::function<rpc::ConnectionCounts()> connections;          // any thread
    std::function<std::uint64_t()> accept_pauses;                // any thread
    std::function<rpc::CallServer::Crowding()> crowding;         // any thread
    std::function<const rpc::TlsCounters&()> tls_counters = {};  // any thread; only with TLS
    // The port that has these pages; nullptr: there is none. Any thread.
    std::function<const gateway::AdminDispatcher*()> admin = [] { return nullptr; };
    // nullptr: there are no branches. Any thread.
    std::function<Branching*()> branching = [] { return nullptr; };
  };

  explicit AdminPages(const Parts& parts)
      : parts_(parts),
        gateway_metrics_(parts.methods),
        served_(std::make_shared<const Served>(Served{.cors = parts.settings.cors, .tls = {}})) {}

  runtime::Task<Status> Get(contract::CallContext& ctx, const admin::v1::GetPageRequest& request,
                            admin::v1::Page& page) override;
  // What new connections begin with. The shards are running.
  void UseTls(std::shared_ptr<const rpc::TlsContext> tls);
  // Which web pages may call from now on. Likewise.
  void UseCors(rpc::CorsSettings cors);

 private:
  // One line of /readyz?verbose.
  struct Check {
    std::string name;
    std::string problem;   // empty: well
    bool required = true;  // of readiness
  };
  using Checks = std::vector<Check>;
  // What reloads change. Immutable: a change makes another one.
  struct Served {
    rpc::CorsSettings cors;
    std::shared_ptr<const rpc::TlsContext> tls;  // null: plain text
  };

  runtime::Task<std::string> Body(std::string_view path);  // of kPages
  runtime::Task<void> Ready(bool verbose, admin::v1::Page& page);
  runtime::Task<std::string> Metrics();
  void WriteConfiguration(telemetry::PrometheusText& text) const;
  void WriteConnections(telemetry::PrometheusText& text) const;
  void WriteTls(const rpc::TlsContext& tls, telemetry::PrometheusText& text) const;
  runtime::Task<void> WriteBranches(telemetry::PrometheusText& text);
  runtime::Task<std::string> Slow();
  runtime::Task<std::string> Config();
  // What is served, from the shard that knows.
  gateway::Ask<std::shared_ptr<const Served>> AskServed();
  runtime::Task<Checks> CheckBackends();

  Parts parts_;
  // Of shard 0.
  gateway::GatewayMetrics gateway_metrics_;
  std::shared_ptr<const Served> served_;
};

}  // namespace prism::app

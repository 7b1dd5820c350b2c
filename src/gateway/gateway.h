// The request path: namespace -> permission -> admission -> parse -> provider -> answer.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "gateway/admission.h"
#include "gateway/method_table.h"
#include "gateway/metrics.h"
#include "gateway/newest_table.h"
#include "gateway/rest/resource_routes.h"
#include "gateway/shard_states.h"
#include "rpc/server.h"
#include "runtime/shard.h"
#include "security/guard.h"
#include "telemetry/log.h"

namespace prism::gateway {

// Life cycle: made before the shards take calls; Publish at least once before the first call;
// destroyed after the shards were stopped. Thread rule: Find and Serve on any shard, Publish on the
// control thread, Sample on the shard in question.
class Gateway final : public rpc::Dispatcher {
 public:
  // Everything outlives the gateway.
  struct Parts {
    runtime::ShardPool& shards;
    const MethodTable& methods;
    Clock& clock;
    telemetry::Logger& log;  // of what failed, was refused or slow
    NewestTables& tables;    // which the gateway fills
  };

  // `guard`: who is let in until UseGuard says otherwise.
  Gateway(Parts parts, const ShardState::Options& options,
          const std::shared_ptr<const security::Guard>& guard);
  ~Gateway() override;

  const contract::MethodInfo* Find(std::string_view path) override {
    return parts_.methods.Find(path);
  }
  const rpc::ResourceRoute* FindRoute(std::string_view target) override {
    return routes_.Find(target);
  }
  runtime::Task<void> Serve(rpc::ServerCall& call) override;
  void OnRefused(const contract::MethodInfo* method, rpc::ServerCall& call,
                 const Error& error) override;

  // Makes the table the newest of every shard; returns when all of them have it. Calls in flight
  // end on the one that they began with. Not on a shard; the shards are running.
  void Publish(const std::shared_ptr<const RoutingTable>& table) {
    parts_.tables.Install(table);
    states_.Install(table);
  }

  // Judges calls that come from now on by this; returns when all shards do. Not on a shard; the
  // shards are running.
  void UseGuard(const std::shared_ptr<const security::Guard>& guard) {
    states_.UseGuard(guard, parts_.clock.Now());
  }

  // What takes at least this long is a slow request from now on; 0: nothing is. Not on a shard; the
  // shards are running.
  void SetSlowThreshold(MonoNanos threshold) { states_.SetSlowThreshold(threshold); }

  // On that shard.
  ShardSample Sample(int shard) const { return states_.at(shard).Sample(); }
  SlowSample SlowRequests(int shard) const { return states_.at(shard).slow_log().Sample(); }
  // The newest table of the shard that this is called on.
  std::shared_ptr<const RoutingTable> table() const { return states_.Here().table(); }

 private:
  // Unary and server-streaming methods.
  runtime::Task<void> ServeOneRequest(ShardState& shard, const Route& route, rpc::ServerCall& call);
  // Client-streaming and bidirectional methods.
  runtime::Task<void> ServeClientStream(ShardState& shard, const Route& route,
                                        rpc::ServerCall& call);
  runtime::Task<void> ServeSystem(ShardState& shard, const Route& route, rpc::ServerCall& call);
  Result<Admitted> AdmitBytes(ShardState& shard, const Route& route, rpc::ServerCall& call);

  Parts parts_;
  ResourceRoutes routes_;
  ShardStates states_;
};

}  // namespace prism::gateway

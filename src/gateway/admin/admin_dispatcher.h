// Calls of the admin port: who calls is known, what they may the service asks.
#pragma once

#include <memory>
#include <string_view>

#include "base/clock.h"
#include "gateway/admin/audit_trail.h"
#include "gateway/method_table.h"
#include "gateway/metrics.h"
#include "gateway/shard_states.h"
#include "rpc/server.h"
#include "runtime/shard.h"
#include "security/guard.h"
#include "telemetry/log.h"

namespace prism::gateway {

// Serves the system services of a table. Nothing is shed and no rate is limited: whoever mends an
// overloaded server must get through. Methods find in CallContext::rights what their caller may.
// Life cycle: made before the shards take calls; destroyed after they were stopped. Thread rule:
// Find, FindRoute and Serve on any shard, Sample on the shard in question, UseGuard on a thread
// that is none.
class AdminDispatcher final : public rpc::Dispatcher {
 public:
  // Which routes there are beside the methods. Thread rule: any shard.
  class Routes {
   public:
    virtual ~Routes() = default;
    virtual const rpc::ResourceRoute* Find(std::string_view target) const = 0;
  };

  // Everything outlives the dispatcher.
  struct Parts {
    runtime::ShardPool& shards;
    const MethodTable& methods;  // of system services alone
    Clock& clock;
    telemetry::Logger& log;  // of what failed or was refused
    const Routes* routes = nullptr;
    RefusalTrail* refusals = nullptr;  // told of each call that has failed
  };

  // `guard`: who is let in until UseGuard says otherwise.
  AdminDispatcher(const Parts& parts, const std::shared_ptr<const security::Guard>& guard);

  const contract::MethodInfo* Find(std::string_view path) override {
    return parts_.methods.Find(path);
  }
  const rpc::ResourceRoute* FindRoute(std::string_view target) override {
    return parts_.routes != nullptr ? parts_.routes->Find(target) : nullptr;
  }
  runtime::Task<void> Serve(rpc::ServerCall& call) override;
  void OnRefused(const contract::MethodInfo* method, rpc::ServerCall& call,
                 const Error& error) override;

  // Judges calls that come from now on by this; returns when all shards do. The shards are running.
  void UseGuard(const std::shared_ptr<const security::Guard>& guard) {
    states_.UseGuard(guard, parts_.clock.Now());
  }

  const MethodTable& methods() const { return parts_.methods; }
  ShardSample Sample(int shard) const { return states_.at(shard).Sample(); }

 private:
  Parts parts_;
  ShardStates states_;
};

}  // namespace prism::gateway

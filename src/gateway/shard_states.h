// The ShardState of every shard, and what is told to all of them.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "gateway/shard_state.h"
#include "runtime/shard.h"
#include "security/guard.h"
#include "telemetry/log.h"

namespace prism::gateway {

// Life cycle: made before the shards take calls, destroyed after they were stopped. Thread rule:
// Here and at on the shard in question; the rest on any thread that is no shard, while all shards
// run, and returns when all of them have heard.
class ShardStates {
 public:
  // The pool and the log outlive this.
  ShardStates(runtime::ShardPool& shards, std::size_t methods, const ShardState::Options& options,
              telemetry::Logger& log, const std::shared_ptr<const security::Guard>& guard);

  ShardState& Here() const {
    return *states_[static_cast<std::size_t>(runtime::Shard::Current()->id())];
  }
  ShardState& at(int shard) const { return *states_[static_cast<std::size_t>(shard)]; }

  void Install(const std::shared_ptr<const RoutingTable>& table);
  void UseGuard(const std::shared_ptr<const security::Guard>& guard, WallMillis now);
  void SetSlowThreshold(MonoNanos threshold);

 private:
  template <class Tell>
  void TellAll(const Tell& tell);

  runtime::ShardPool& shards_;
  std::vector<std::unique_ptr<ShardState>> states_;
};

}  // namespace prism::gateway

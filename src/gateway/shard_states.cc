#include "gateway/shard_states.h"

#include <latch>

namespace prism::gateway {

ShardStates::ShardStates(runtime::ShardPool& shards, std::size_t methods,
                         const ShardState::Options& options, telemetry::Logger& log,
                         const std::shared_ptr<const security::Guard>& guard)
    : shards_(shards) {
  for (int i = 0; i < shards.size(); ++i) {
    states_.push_back(
        std::make_unique<ShardState>(shards.at(i), shards.size(), methods, options, log, guard));
  }
}

template <class Tell>
void ShardStates::TellAll(const Tell& tell) {
  std::latch told(static_cast<std::ptrdiff_t>(states_.size()));
  for (std::size_t i = 0; i < states_.size(); ++i) {
    shards_.at(static_cast<int>(i)).Post([&told, &tell, state = states_[i].get()] {
      tell(*state);
      told.count_down();
    });
  }
  told.wait();
}

void ShardStates::Install(const std::shared_ptr<const RoutingTable>& table) {
  TellAll([&table](ShardState& state) { state.Install(table); });
}

void ShardStates::UseGuard(const std::shared_ptr<const security::Guard>& guard, WallMillis now) {
  TellAll([&guard, now](ShardState& state) { state.Use(guard, now); });
}

void ShardStates::SetSlowThreshold(MonoNanos threshold) {
  TellAll([threshold](ShardState& state) { state.slow_log().SetThreshold(threshold); });
}

}  // namespace prism::gateway

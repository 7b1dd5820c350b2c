// Word of new configurations on each shard, for calls that wait for one.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "contract/call_context.h"
#include "gateway/routing_table.h"
#include "namespaces/store/change.h"
#include "namespaces/store/namespace_filter.h"
#include "runtime/shard.h"
#include "runtime/task.h"
#include "runtime/wait.h"

namespace prism::gateway {

// Life cycle: made before the shards take calls, destroyed after they were joined and before the
// Binder of its tables. Thread rule: Install, Drain and Ring on any thread while the shards run;
// the rest on a shard.
class ConfigChanges {
 public:
  static constexpr std::size_t kMaxWaiters = 10'000;  // of the whole server

  explicit ConfigChanges(runtime::ShardPool& shards, std::size_t max_waiters = kMaxWaiters);

  // This table is about to be served, and these are the facts of its namespaces. It is here on each
  // shard before what is posted there next. Ring when it is served.
  void Install(const std::shared_ptr<const RoutingTable>& table,
               const std::shared_ptr<const namespaces::FactsTable>& facts);
  // From now on nobody should wait any more.
  void Drain();
  // Something happened that those who wait should look at: a new configuration is served, or an
  // operation has ended.
  void Ring();

  // The newest one of this shard; nullptr: there is none yet.
  const std::shared_ptr<const RoutingTable>& table() { return Here().table; }
  // A namespace of it. Nothing: there is none of that name.
  std::optional<namespaces::FoundNamespace> Find(std::string_view name);
  // Counts the rings on this shard: take it before you look at what you wait for.
  std::uint64_t count() { return Here().count; }

  // Waits until it rang after the count was `seen`: true; until the time `until`,
  // or the call's deadline: false. CANCELLED; UNAVAILABLE/SHUTTING_DOWN; RESOURCE_EXHAUSTED/
  // TOO_MANY_WAITERS.
  runtime::Task<Result<bool>> WaitForMore(contract::CallContext& ctx, std::uint64_t seen,
                                          MonoNanos until);

 private:
  struct PerShard {
    explicit PerShard(runtime::Shard& shard) : changed(shard) {}
    std::shared_ptr<const RoutingTable> table;
    std::shared_ptr<const namespaces::FactsTable> facts;
    std::uint64_t count = 0;
    std::size_t waiters = 0;
    bool draining = false;
    runtime::Event changed;
  };

  PerShard& Here();
  static void Wake(PerShard& state);

  runtime::ShardPool& shards_;
  const std::size_t max_per_shard_;
  std::vector<std::unique_ptr<PerShard>> per_shard_;
};

}  // namespace prism::gateway

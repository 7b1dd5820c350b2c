// Everything of the server but its sockets: engine, backends, configuration, shards, gateway.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "app/admin_pages.h"
#include "app/config_changer.h"
#include "app/config_keeper.h"
#include "app/identity.h"
#include "app/purger.h"
#include "app/settings.h"
#include "backends/builtin_backends.h"
#include "base/clock.h"
#include "engine/local_engine.h"
#include "gateway/admin/config_changes.h"
#include "gateway/admin/operation_store.h"
#include "gateway/binder.h"
#include "gateway/capabilities.h"
#include "gateway/gateway.h"
#include "gateway/newest_table.h"
#include "models/memory_budget.h"
#include "namespaces/snapshot.h"
#include "rpc/services/health.h"
#include "rpc/services/reflection.h"
#include "runtime/blocking_pool.h"
#include "runtime/shard.h"
#include "telemetry/log.h"

namespace prism::app {

// Life cycle: construct, Start, then listeners may lead calls to gateway(); stop the listeners,
// then Stop. Thread rule: one control thread.
class Core {
 public:
  // What is referred to outlives the core.
  Core(const ServerSettings& settings, telemetry::Logger& log);
  ~Core();

  // Opens the configuration store and what the snapshot needs, and starts the shards. `file` is
  // what the configuration file says; see ConfigKeeper. An error when a backend that this program
  // has can't be opened: a server that silently lacks half of its namespaces helps nobody.
  // While another process has the data, `keep_waiting` is asked whether to try again; it waits a
  // little before it answers.
  Status Start(
      const namespaces::Snapshot& file,
      const std::function<bool()>& keep_waiting = [] { return false; });
  // Serves the snapshot from now on, without dropping a call, and stores it. On failure everything
  // stays. Blocks until it is done.
  Status Apply(const namespaces::Snapshot& file);
  // The same of the administrators of the server.
  Status UseAdmins(std::vector<std::string> admins) {
    return identity_->UseAdmins(std::move(admins));
  }
  // Lets go of what no shard uses any more, ends what expired tokens have opened, saves when tokens
  // were used, and makes the daily backup. Now and then.
  void Tidy();
  void Stop();

  runtime::ShardPool& shards() { return shards_; }
  runtime::BlockingPool& pool() { return pool_; }
  // A single thread, for what reads a whole configuration.
  runtime::BlockingPool& whole_reads() { return whole_reads_; }
  gateway::Gateway& gateway() { return gateway_; }
  // Ends the waits of those who would wait for a change of the configuration.
  void EndWaits() { tables_.Drain(); }
  const gateway::MethodTable& methods() const { return methods_; }
  rpc::HealthService& health() { return health_; }
  const models::MemoryBudget& budget() const { return budget_; }
  const ConfigKeeper& config() const { return config_; }
  // Once it has started.
  gateway::ConfigControl& control() { return *changer_; }
  // The tokens and the file of the configuration, once it has started.
  security::TokenStore& tokens() { return identity_->tokens(); }
  sqlite::Database& database() { return config_.database(); }
  // Once it has started; see Identity::Follow.
  Status FollowGuard(Identity::Publish follow) { return identity_->Follow(std::move(follow)); }
  gateway::OperationStore& operations() { return *operations_; }
  // Rings when something else is served, and when an operation ends.
  gateway::ConfigChanges& changes() { return changes_; }
  // See ConfigKeeper.
  Result<std::string> BackUpNow() { return config_.BackUpNow(); }
  // The text of the token that Start has made, if it has made one. Once.
  std::optional<std::string> TakeFirstToken() { return std::exchange(first_token_, std::nullopt); }

 private:
  Result<std::shared_ptr<contract::Backend>> MakeBackend(const namespaces::BackendConfig& config);
  Result<std::shared_ptr<contract::Backend>> OpenBackend(const namespaces::BackendConfig& config);
  void ReportRefused(const gateway::RoutingTable& table);
  void TidyHere();

  const ServerSettings& settings_;
  telemetry::Logger& log_;
  SystemClock clock_;
  ConfigKeeper config_;
  models::MemoryBudget budget_;
  engine::LocalEngine engine_;
  // Open backends by type and connection, of types that can be opened once.
  std::map<std::pair<std::string, std::string>, std::weak_ptr<contract::Backend>> open_;
  runtime::BlockingPool pool_;
  runtime::BlockingPool whole_reads_;
  runtime::ShardPool shards_;
  rpc::HealthService health_;
  rpc::ReflectionService reflection_;
  rpc::ReflectionAlphaService reflection_alpha_;
  gateway::NewestTables tables_;
  gateway::Capabilities capabilities_;
  gateway::MethodTable methods_;
  gateway::Binder binder_;
  gateway::Gateway gateway_;
  gateway::ConfigChanges changes_;
  std::optional<Identity> identity_;  // once the configuration is open
  std::optional<std::string> first_token_;
  std::optional<gateway::OperationStore> operations_;
  std::optional<Purger> purger_;
  std::optional<ConfigChanger> changer_;  // once it is served
  std::atomic<bool> tidying_ = false;
};

}  // namespace prism::app

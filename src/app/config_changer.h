// Changes of the configuration while the server runs, whoever wants them: bound, stored, served.
#pragma once

#include <memory>

#include "app/config_keeper.h"
#include "app/identity.h"
#include "gateway/admin/config_changes.h"
#include "gateway/admin/config_control.h"
#include "gateway/binder.h"
#include "gateway/gateway.h"
#include "runtime/blocking_pool.h"

namespace prism::app {

// Life cycle: once the first configuration is served; Stop before the shards stop. Thread rule:
// everything but Stop and thread() on that thread.
class ConfigChanger final : public gateway::ConfigControl {
 public:
  // Everything outlives the changer.
  struct Parts {
    ConfigKeeper& config;
    Identity& identity;
    gateway::Binder& binder;
    gateway::Gateway& gateway;
    gateway::ConfigChanges& changes;
  };

  explicit ConfigChanger(const Parts& parts) : parts_(parts) {}

  Result<Outcome> Apply(const Plan& plan, const Options& options) override;
  runtime::BlockingPool& thread() override { return thread_; }
  namespaces::ConfigStore& store() override { return parts_.config.store(); }

  // Serves what ConfigKeeper::Choose makes of a file that was read again, and tries once more what
  // could not be opened before.
  Status Use(const namespaces::Snapshot& file);
  // Finishes what is queued.
  void Stop() { thread_.Stop(); }

 private:
  Result<Outcome> Make(namespaces::Change change, std::shared_ptr<namespaces::Snapshot> next,
                       const Options& options);

  Parts parts_;
  runtime::BlockingPool thread_{1, 1024};
};

}  // namespace prism::app

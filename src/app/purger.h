// Destroys the data of namespaces that were deleted with it, once nobody uses it any more.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "app/config_keeper.h"
#include "base/clock.h"
#include "gateway/admin/config_changes.h"
#include "gateway/admin/operation_store.h"
#include "gateway/binder.h"
#include "telemetry/log.h"

namespace prism::app {

// Life cycle: once the first configuration is served. Thread rule: the control thread, which blocks
// while data is destroyed.
class Purger {
 public:
  // Everything outlives the purger.
  struct Parts {
    ConfigKeeper& config;
    gateway::Binder& binder;
    gateway::OperationStore& operations;
    gateway::ConfigChanges& changes;
    Clock& clock;
    telemetry::Logger& log;
  };

  explicit Purger(const Parts& parts) : parts_(parts) {}

  // One look at everything that is pending; now and then, after Binder::Sweep. What fails is tried
  // again: after 1 s, then twice as long each time, at most 5 minutes.
  void Run();

 private:
  struct Retry {
    MonoNanos next = 0;
    MonoNanos pause = 0;
  };

  Status Destroy(const namespaces::Purge& purge);
  Status End(const namespaces::Purge& purge);

  Parts parts_;
  std::map<std::int64_t, Retry> retries_;  // by id of the purge; of those that have failed
};

// What those are about, as the audit and the operations name it.
std::vector<std::string> PurgedObjects(const std::vector<namespaces::Purge>& pending);
// FAILED_PRECONDITION/PURGE_PENDING for a change that makes a namespace whose old data is still to
// be destroyed, or touches the backend that has it.
Status CheckNoPurge(const std::vector<namespaces::Purge>& pending,
                    const namespaces::Change& change);
// The error of a backend that can't be used, when the change is to destroy data on it: nobody could
// say when that ends.
Status CheckPurgeable(const namespaces::Change& change, const namespaces::Snapshot& current,
                      const gateway::RoutingTable& table);

}  // namespace prism::app

// The way to change the configuration: bound, stored and served, or refused as a whole.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/status.h"
#include "gateway/routing_table.h"
#include "namespaces/store/change.h"
#include "namespaces/store/config_store.h"
#include "runtime/blocking_pool.h"

namespace prism::gateway {

// Implemented by app/. Thread rule: Apply on thread(): `co_await control.thread().Run([&] { return
// control.Apply(plan, options); })`. What store() offers blocks too, but on any thread.
class ConfigControl {
 public:
  // What is wanted, decided from the configuration as it is: nobody else changes it meanwhile. Must
  // not wait for anything but the store.
  using Plan = std::function<Result<namespaces::Change>(const namespaces::StoredConfig& current)>;

  struct Options {
    namespaces::Author author = {};
    namespaces::ConfigStore::Also also = {};  // such as to record the change
    bool dry_run = false;                     // everything but storing and serving
    bool force = false;                       // namespaces may lose interfaces
  };

  struct Outcome {
    namespaces::Change change;
    // The configuration's: the new one when it has changed. Of a dry run the one that it would be.
    namespaces::Revision revision = 0;
    // What is served now, or would be.
    std::shared_ptr<const RoutingTable> table;
  };

  virtual ~ConfigControl() = default;

  // Returns when every shard serves it. A change that changes nothing is answered with the current
  // revision. Errors of the plan; ABORTED/REVISION_MISMATCH; what can't be bound, with all that is
  // wrong as fields of the error when it is more than one thing: FAILED_PRECONDITION/
  // CONFIG_UNBINDABLE or the reason of the one; FAILED_PRECONDITION/INTERFACES_WOULD_SHRINK;
  // FAILED_PRECONDITION/PURGE_PENDING while data of a deleted namespace is in the way;
  // those of ConfigStore::Commit. Types and patterns that this program does not have are no error.
  virtual Result<Outcome> Apply(const Plan& plan, const Options& options) = 0;

  // A single thread, so that one change follows another.
  virtual runtime::BlockingPool& thread() = 0;
  // For reading.
  virtual namespaces::ConfigStore& store() = 0;
};

}  // namespace prism::gateway

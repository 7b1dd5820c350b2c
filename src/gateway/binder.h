// Turns snapshots into routing tables: opens what is new, keeps what is unchanged.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "contract/method.h"
#include "gateway/routing_table.h"
#include "namespaces/snapshot.h"

namespace prism::gateway {

// Makes the backend of one configuration; FAILED_PRECONDITION/DRIVER_NOT_INSTALLED for a type that
// is not built in. Resolves the secrets that the configuration refers to. May block.
using BackendFactory = std::function<Result<std::shared_ptr<contract::Backend>>(
    const namespaces::BackendConfig& config)>;

// Thread rule: one control thread; everything here may block. Life cycle: outlives the shards'
// use of its tables, since it is who destroys them.
class Binder {
 public:
  // `interfaces` in the order of the gateway's method table.
  Binder(std::span<const contract::InterfaceInfo* const> interfaces, BackendFactory factory);

  // A table for the snapshot. A namespace that can't be served is in it with
  // the reason; so is a backend. Namespaces whose configuration and backend are the same keep their
  // entry.
  std::shared_ptr<const RoutingTable> Bind(std::shared_ptr<const namespaces::Snapshot> snapshot);
  // Whether a table of Bind may follow the current one; see CheckBound.
  Status Check(const RoutingTable& table, bool force) const;
  // Makes a table of Bind the current one, which the next Bind compares with.
  void Commit(std::shared_ptr<const RoutingTable> table);

  // Destroys the tables, entries and backends that no shard uses any more. Returns how many tables
  // and entries are still in use besides the newest table.
  std::size_t Sweep();
  // Whether anybody may still use a namespace of this name that Sweep has not destroyed yet, or the
  // newest table has one.
  bool Holds(std::string_view ns) const;

  const std::shared_ptr<const RoutingTable>& current() const { return current_; }

 private:
  std::vector<BackendState> BindBackends(const namespaces::Snapshot& snapshot) const;
  // Into the entry: what it can be bound to, or why it can't be served.
  void BindNamespace(NamespaceEntry& entry, const BackendState& backend,
                     std::span<const BackendState> backends) const;

  std::span<const contract::InterfaceInfo* const> interfaces_;
  BackendFactory factory_;
  std::shared_ptr<const RoutingTable> current_;
  // Everything that shards may still hold.
  std::vector<std::shared_ptr<const RoutingTable>> old_tables_;
  std::vector<std::shared_ptr<const NamespaceEntry>> old_entries_;
};

}  // namespace prism::gateway

// What a snapshot has become: every namespace with its backend opened, or with the reason why not.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "contract/backend.h"
#include "gateway/rate_limit.h"
#include "namespaces/snapshot.h"

namespace prism::gateway {

// One namespace, shared by all shards and by all revisions in which it is the same. Immutable but
// for the bucket, which is thread-safe. Destroyed on the control thread only (Binder::Sweep), since
// closing a backend's namespace blocks.
struct NamespaceEntry {
  using Config = std::shared_ptr<const namespaces::NamespaceConfig>;

  NamespaceEntry(Config ns, namespaces::BackendConfig on)
      : shared_config(std::move(ns)),
        config(*shared_config),
        backend_config(std::move(on)),
        bucket(config.rate_limit_rps) {}

  // Whether it is about this configuration.
  bool IsOf(const Config& other) const { return shared_config == other || config == *other; }

  // Whether the namespace offers the interface if its backend has it: all of them, or those of its
  // data model.
  bool Offers(const contract::InterfaceInfo& interface) const {
    return config.pattern.empty() || config.pattern == interface.model;
  }
  // Ids of what it offers, sorted; none when refused.
  std::vector<std::string_view> Interfaces() const;

  const Config shared_config;  // the snapshot's
  const namespaces::NamespaceConfig& config;
  const namespaces::BackendConfig backend_config;
  std::shared_ptr<contract::Backend> owner;             // outlives what it has opened
  std::shared_ptr<contract::NamespaceBackend> backend;  // null when refused
  std::optional<Error> refused;                         // what every call answers then
  std::vector<void*> services;  // by dense interface index; nullptr: not bound
  contract::Durability durability = contract::Durability::kMemory;  // of an acknowledged write
  // Of the snapshot in which the features became what they are; above 0.
  std::int64_t features_revision = 1;
  mutable TokenBucket bucket;
};

// One backend as the table saw it.
struct BackendState {
  namespaces::BackendConfig config;
  std::shared_ptr<contract::Backend> backend;  // null when it could not be made
  std::optional<Error> error;                  // why
};

// The one of that name among those sorted by it; nullptr: there is none.
const BackendState* FindBackend(std::span<const BackendState> sorted, std::string_view name);

// Immutable; swapped as a whole. Shards hold it by shared_ptr and never drop the last reference.
class RoutingTable {
 public:
  RoutingTable(std::shared_ptr<const namespaces::Snapshot> snapshot,
               std::vector<BackendState> backends,
               std::vector<std::shared_ptr<const NamespaceEntry>> entries);

  const namespaces::Snapshot& snapshot() const { return *snapshot_; }
  // Both sorted by name.
  const std::vector<BackendState>& backends() const { return backends_; }
  const std::vector<std::shared_ptr<const NamespaceEntry>>& entries() const { return entries_; }
  // nullptr: there is none.
  const std::shared_ptr<const NamespaceEntry>* Find(std::string_view name) const;
  // Names of the configured backends whose driver has the interface.
  std::vector<std::string> BackendsWith(const contract::InterfaceInfo& interface) const;

 private:
  std::shared_ptr<const namespaces::Snapshot> snapshot_;
  std::vector<BackendState> backends_;
  std::vector<std::shared_ptr<const NamespaceEntry>> entries_;
  std::unordered_map<std::string_view, std::size_t> by_name_;  // views into entries_
};

}  // namespace prism::gateway

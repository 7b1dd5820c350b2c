// For tests: a configuration that is stored and announced, but on no backend.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/testing/temp_directory.h"
#include "gateway/admin/config_changes.h"
#include "gateway/admin/config_control.h"

namespace prism::gateway::testing {

// Plans and commits to a real store, and serves a table in which nothing is bound.
class SimpleControl final : public ConfigControl {
 public:
  SimpleControl(namespaces::ConfigStore& store, ConfigChanges& changes)
      : store_(store), changes_(changes) {}
  ~SimpleControl() override { thread_.Stop(); }

  Result<Outcome> Apply(const Plan& plan, const Options& options) override {
    TRY_ASSIGN(const namespaces::StoredConfig current, store_.Load());
    TRY_ASSIGN(namespaces::Change change, plan(current));
    auto next = std::make_shared<namespaces::Snapshot>(Changed(*current.snapshot, change));
    next->revision = current.revision + (Difference(*current.snapshot, *next).empty() ? 0 : 1);
    if (!options.dry_run) {
      TRY_ASSIGN(const auto made, store_.Commit(change, options.author, options.also));
      next->revision = made.revision;
    }
    auto table = TableOf(next);
    if (!options.dry_run) {
      TRY_ASSIGN(const namespaces::StoredConfig stored, store_.Load());
      changes_.Install(table, stored.facts);
      changes_.Ring();
    }
    return Outcome{
        .change = std::move(change), .revision = next->revision, .table = std::move(table)};
  }
  // What is in the store.
  Status Serve() {
    TRY_ASSIGN(const namespaces::StoredConfig stored, store_.Load());
    auto snapshot = std::make_shared<namespaces::Snapshot>(*stored.snapshot);
    snapshot->revision = stored.revision;
    changes_.Install(TableOf(std::move(snapshot)), stored.facts);
    return {};
  }
  runtime::BlockingPool& thread() override { return thread_; }
  namespaces::ConfigStore& store() override { return store_; }

 private:
  static std::shared_ptr<const RoutingTable> TableOf(
      std::shared_ptr<const namespaces::Snapshot> snapshot) {
    return std::make_shared<const RoutingTable>(
        std::move(snapshot), std::vector<BackendState>(),
        std::vector<std::shared_ptr<const NamespaceEntry>>());
  }

  namespaces::ConfigStore& store_;
  ConfigChanges& changes_;
  runtime::BlockingPool thread_{1, 1024};
};

}  // namespace prism::gateway::testing

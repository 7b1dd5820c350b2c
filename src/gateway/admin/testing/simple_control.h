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
      TRY_ASSIGN(next->revision, store_.Commit(change, options.author, options.also));
    }
    auto table = std::make_shared<const RoutingTable>(
        next, std::vector<BackendState>(), std::vector<std::shared_ptr<const NamespaceEntry>>());
    if (!options.dry_run) changes_.Announce(table);
    return Outcome{
        .change = std::move(change), .revision = next->revision, .table = std::move(table)};
  }
  runtime::BlockingPool& thread() override { return thread_; }
  namespaces::ConfigStore& store() override { return store_; }

 private:
  namespaces::ConfigStore& store_;
  ConfigChanges& changes_;
  runtime::BlockingPool thread_{1, 1024};
};

}  // namespace prism::gateway::testing

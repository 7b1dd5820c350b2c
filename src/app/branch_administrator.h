// What administrators do with branches, by the manager of them.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "branching/branches/branch_manager.h"
#include "gateway/admin/branch_control.h"
#include "namespaces/branching_config.h"

namespace prism::app {

// Life cycle and thread rule: as gateway::BranchControl.
class BranchAdministrator final : public gateway::BranchControl {
 public:
  // The manager, once clients get in; before, UNAVAILABLE/BRANCHES_NOT_READY. Any thread.
  using Manager = std::function<Result<branching::BranchManager*>()>;

  // The manager outlives this; `undo_period` is that of its limits, `source` that of the
  // configuration.
  BranchAdministrator(Manager manager, MonoNanos undo_period, namespaces::BranchSourceConfig source)
      : manager_(std::move(manager)), undo_period_(undo_period), source_(std::move(source)) {}

  Result<std::vector<gateway::BranchInfo>> List() override;
  Result<gateway::BranchInfo> Get(const std::string& name) override;
  Result<std::string> ReadLog(const std::string& name, std::size_t bytes) override;
  std::string Progress(const std::string& name) override;
  runtime::Task<Result<gateway::BranchInfo>> Create(gateway::BranchWish wish) override;
  runtime::Task<Result<gateway::BranchInfo>> Delete(std::string name,
                                                    gateway::BranchDeletion how) override;
  runtime::Task<Result<gateway::BranchInfo>> Stop(std::string name, bool force) override;
  runtime::Task<Result<gateway::BranchInfo>> Undelete(std::string name) override;
  runtime::Task<Result<gateway::BranchInfo>> Update(std::string name,
                                                    gateway::BranchEdit edit) override;
  Result<std::vector<gateway::SnapshotInfo>> ListSnapshots(const std::string& name) override;
  runtime::Task<Result<gateway::SnapshotInfo>> CreateSnapshot(std::string name,
                                                              std::string snapshot) override;
  runtime::Task<Result<gateway::SnapshotInfo>> DeleteSnapshot(std::string name,
                                                              std::string snapshot) override;
  runtime::Task<Result<gateway::BranchInfo>> Reset(std::string name, bool force) override;
  runtime::Task<Result<gateway::BranchInfo>> Restore(std::string name, std::string snapshot,
                                                     bool force) override;
  runtime::Task<Result<gateway::BranchInfo>> Rename(std::string name, std::string to) override;
  Result<std::vector<gateway::SourceInfo>> ListSources() override;
  runtime::Task<Result<gateway::SourceInfo>> AddSource(gateway::SourceWish wish) override;
  runtime::Task<Result<gateway::SourceInfo>> RefreshSource(std::string name) override;
  runtime::Task<Result<gateway::SourceInfo>> RemoveSource(std::string name, bool force) override;

 private:
  gateway::BranchInfo Describe(const branching::BranchStatus& status) const;
  gateway::SourceInfo Describe(const branching::SourceStatus& status) const;

  const Manager manager_;
  const MonoNanos undo_period_;
  const namespaces::BranchSourceConfig source_;
};

}  // namespace prism::app

#include "app/branch_administrator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/units.h"
#include "branching/pgwire/branch_naming.h"
#include "branching/pgwire/refusal.h"

namespace prism::app {

namespace pb = prism::admin::v1;
using branching::BranchState;
using branching::BranchStatus;
using gateway::BranchEdit;
using gateway::BranchInfo;
using gateway::BranchWish;
using gateway::SnapshotInfo;
using runtime::Task;

namespace {

pb::Branch::State StateOf(BranchState state) {
  switch (state) {
    case BranchState::kMaking:
      return pb::Branch::MAKING;
    case BranchState::kStopped:
      return pb::Branch::STOPPED;
    case BranchState::kStarting:
      return pb::Branch::STARTING;
    case BranchState::kRunning:
      return pb::Branch::RUNNING;
    case BranchState::kStopping:
      return pb::Branch::STOPPING;
    case BranchState::kDeleted:
      return pb::Branch::DELETED;
    case BranchState::kRemoving:
      return pb::Branch::REMOVING;
  }
  return pb::Branch::STATE_UNSPECIFIED;
}

SnapshotInfo InfoOf(const branching::Snapshot& snapshot) {
  return {.name = snapshot.name,
          .created_at = snapshot.created_at,
          .is_automatic = snapshot.is_automatic,
          .checkpoint_lsn = snapshot.checkpoint_lsn,
          .timeline = snapshot.timeline,
          .system_identifier = snapshot.system_identifier,
          .postgres_version = snapshot.major};
}

}  // namespace

BranchInfo BranchAdministrator::Describe(const BranchStatus& status) const {
  const branching::Branch& branch = status.branch;
  BranchInfo info{.name = branch.name,
                  .label = branch.label,
                  .parent = branch.parent,
                  .as_of = branch.as_of,
                  .state = StateOf(status.state),
                  .connections = status.connections,
                  .created_at = branch.created_at,
                  .created_by = branch.created_by,
                  .last_activity = status.last_activity,
                  .deleted_at = branch.deleted_at,
                  .remove_at = {},
                  .is_protected = branch.is_protected,
                  .expires_at = branch.expires_at,
                  .own_bytes = 0,
                  .shared_bytes = 0,
                  .measured_at = {},
                  .source = branch.source,
                  .source_lsn = status.source_lsn};
  if (branch.deleted_at) info.remove_at = *branch.deleted_at + undo_period_ / kNanosPerMilli;
  // It may have been given up before its time.
  if (status.state == BranchState::kRemoving) info.remove_at = branch.deleted_at;
  if (!status.size) return info;
  info.own_bytes = static_cast<std::int64_t>(status.size->usage.own_bytes);
  info.shared_bytes = static_cast<std::int64_t>(status.size->usage.shared_bytes);
  info.measured_at = status.size->measured_at;
  return info;
}

Result<std::string> BranchAdministrator::ReadLog(const std::string& name, std::size_t bytes) {
  TRY_ASSIGN(branching::BranchManager* const manager, manager_());
  return manager->ReadLog(name, bytes);
}

Result<std::vector<BranchInfo>> BranchAdministrator::List() {
  TRY_ASSIGN(branching::BranchManager* const manager, manager_());
  std::vector<BranchInfo> list;
  for (const BranchStatus& status : manager->List()) list.push_back(Describe(status));
  return list;
}

Result<BranchInfo> BranchAdministrator::Get(const std::string& name) {
  TRY_ASSIGN(branching::BranchManager* const manager, manager_());
  TRY_ASSIGN(const branching::BranchName wanted, branching::BranchName::From(name));
  const std::vector<BranchStatus> list = manager->List();
  const auto found = std::ranges::find_if(list, [&wanted](const BranchStatus& status) {
    return wanted.Means(status.branch.name, status.branch.label);
  });
  if (found != list.end()) return Describe(*found);
  return std::unexpected(branching::Refuse(branching::Refusal::kBranchNotFound, name));
}

std::string BranchAdministrator::Progress(const std::string& name) {
  const auto manager = manager_();
  if (!manager) return "";
  const branching::TransferProgress done = (*manager)->Copied(name);
  if (done.files == 0 && done.bytes == 0) return "";
  return fmt::format("{} files, {}", done.files, base::HumanSize(done.bytes));
}

Task<Result<BranchInfo>> BranchAdministrator::Create(BranchWish wish) {
  CO_TRY_ASSIGN(branching::BranchManager* const manager, manager_());
  CO_TRY_ASSIGN(branching::BranchName branch, branching::BranchName::From(wish.name));
  std::optional<std::string> from;
  if (!wish.from.empty()) from = std::move(wish.from);
  CO_TRY_ASSIGN(const BranchStatus made, co_await manager->Create({.branch = std::move(branch),
                                                                   .from = std::move(from),
                                                                   .ttl = wish.ttl,
                                                                   .user = std::move(wish.by),
                                                                   .peer = {}}));
  co_return Describe(made);
}

Task<Result<BranchInfo>> BranchAdministrator::Delete(std::string name,
                                                     gateway::BranchDeletion how) {
  CO_TRY_ASSIGN(branching::BranchManager* const manager, manager_());
  CO_TRY_ASSIGN(
      const BranchStatus deleted,
      co_await manager->Delete(
          std::move(name), {.force = how.force, .recursive = how.recursive, .purge = how.purge}));
  co_return Describe(deleted);
}

Task<Result<BranchInfo>> BranchAdministrator::Stop(std::string name, bool force) {
  CO_TRY_ASSIGN(branching::BranchManager* const manager, manager_());
  CO_TRY_ASSIGN(const BranchStatus stopped, co_await manager->StopBranch(std::move(name), force));
  co_return Describe(stopped);
}

Task<Result<BranchInfo>> BranchAdministrator::Undelete(std::string name) {
  CO_TRY_ASSIGN(branching::BranchManager* const manager, manager_());
  CO_TRY_ASSIGN(const BranchStatus back, co_await manager->Undelete(std::move(name)));
  co_return Describe(back);
}

Task<Result<BranchInfo>> BranchAdministrator::Update(std::string name, BranchEdit edit) {
  CO_TRY_ASSIGN(branching::BranchManager* const manager, manager_());
  CO_TRY_ASSIGN(const BranchStatus changed,
                co_await manager->Update(std::move(name),
                                         {.is_protected = edit.is_protected, .ttl = edit.ttl}));
  co_return Describe(changed);
}

Task<Result<BranchInfo>> BranchAdministrator::Rename(std::string name, std::string to) {
  CO_TRY_ASSIGN(branching::BranchManager* const manager, manager_());
  CO_TRY_ASSIGN(branching::BranchName wanted, branching::BranchName::From(to));
  CO_TRY_ASSIGN(const BranchStatus renamed,
                co_await manager->Rename(std::move(name), std::move(wanted)));
  co_return Describe(renamed);
}

Result<std::vector<SnapshotInfo>> BranchAdministrator::ListSnapshots(const std::string& name) {
  TRY_ASSIGN(branching::BranchManager* const manager, manager_());
  TRY_ASSIGN(const std::vector<branching::Snapshot> snapshots, manager->Snapshots(name));
  std::vector<SnapshotInfo> list;
  for (const branching::Snapshot& snapshot : snapshots) list.push_back(InfoOf(snapshot));
  return list;
}

Task<Result<SnapshotInfo>> BranchAdministrator::CreateSnapshot(std::string name,
                                                               std::string snapshot) {
  CO_TRY_ASSIGN(branching::BranchManager* const manager, manager_());
  CO_TRY_ASSIGN(const branching::Snapshot taken,
                co_await manager->TakeSnapshot(std::move(name), std::move(snapshot)));
  co_return InfoOf(taken);
}

Task<Result<SnapshotInfo>> BranchAdministrator::DeleteSnapshot(std::string name,
                                                               std::string snapshot) {
  CO_TRY_ASSIGN(branching::BranchManager* const manager, manager_());
  CO_TRY_ASSIGN(const branching::Snapshot deleted,
                co_await manager->DeleteSnapshot(std::move(name), std::move(snapshot)));
  co_return InfoOf(deleted);
}

Task<Result<BranchInfo>> BranchAdministrator::Reset(std::string name, bool force) {
  CO_TRY_ASSIGN(branching::BranchManager* const manager, manager_());
  CO_TRY_ASSIGN(const BranchStatus reset, co_await manager->Reset(std::move(name), force));
  co_return Describe(reset);
}

Task<Result<BranchInfo>> BranchAdministrator::Restore(std::string name, std::string snapshot,
                                                      bool force) {
  CO_TRY_ASSIGN(branching::BranchManager* const manager, manager_());
  CO_TRY_ASSIGN(const BranchStatus restored,
                co_await manager->Restore(std::move(name), std::move(snapshot), force));
  co_return Describe(restored);
}

}  // namespace prism::app

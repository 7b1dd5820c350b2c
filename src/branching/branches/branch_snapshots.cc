// States of branches that are kept, and branches that get other data.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <iterator>
#include <utility>

#include "branching/branches/branch_changing.h"
#include "branching/branches/branch_errors.h"
#include "branching/branches/branch_manager.h"
#include "branching/branches/on_shard.h"
#include "branching/branches/volume_server.h"
#include "branching/instances/data_directory.h"
#include "branching/instances/pool_work.h"
#include "branching/pgwire/refusal.h"
#include "runtime/sync_wait.h"

namespace prism::branching {

using runtime::Task;

namespace {

bool HasSnapshot(const BranchSlot& slot, const std::string& name) {
  return std::ranges::find(slot.snapshots, name, &Snapshot::name) != slot.snapshots.end();
}

// "before-reset-20261122-065103", and one more number when there is one of that second.
std::string NameOfTime(const BranchSlot& slot, const std::string& prefix, WallMillis time) {
  const std::time_t seconds = time / 1000;
  const std::string plain = fmt::format("{}{:%Y%m%d-%H%M%S}", prefix, fmt::gmtime(seconds));
  std::string name = plain;
  for (int i = 2; HasSnapshot(slot, name); ++i) name = fmt::format("{}-{}", plain, i);
  return name;
}

bool IsSnapshotName(const std::string& name) {
  const auto plain = BranchName::From(name);
  return plain && plain->name() == name;
}

}  // namespace

Task<Result<Snapshot>> BranchManager::TakeSnapshot(std::string name, std::string snapshot) {
  co_return co_await OnShard(home_, tasks_,
                             [this, &name, &snapshot] { return TakeSnapshotHere(name, snapshot); });
}

Task<Result<Snapshot>> BranchManager::TakeSnapshotHere(std::string name, std::string snapshot) {
  CO_TRY_ASSIGN(BranchSlot* const slot, FindForChange(name));
  if (!snapshot.empty() && !IsSnapshotName(snapshot)) {
    co_return std::unexpected(BadSnapshotName(snapshot));
  }
  if (HasSnapshot(*slot, snapshot)) co_return std::unexpected(SnapshotExists(name, snapshot));
  const auto taken = std::ranges::count(slot->snapshots, false, &Snapshot::is_automatic);
  if (taken >= static_cast<std::ptrdiff_t>(kMaxSnapshots)) {
    co_return std::unexpected(TooManySnapshots(name, kMaxSnapshots));
  }
  const Changing changing(*slot);
  CO_TRY_ASSIGN(const Stillness still, co_await HoldStill(slot));
  Snapshot wanted = NewSnapshot(*slot, std::move(snapshot));
  Status made = co_await MakeSnapshot(slot, &wanted, still.pause);
  LetGo(*slot, still);
  CO_TRY(std::move(made));
  slot->snapshots.push_back(wanted);
  workshop_.logger.Info("snapshot_taken", {{"branch", name}, {"snapshot", wanted.name}});
  co_return wanted;
}

Snapshot BranchManager::NewSnapshot(const BranchSlot& slot, std::string name) const {
  const Branch& branch = slot.branch;
  // Not before the one before it, however the clock was set.
  WallMillis now = workshop_.clock.Now();
  if (!slot.snapshots.empty()) now = std::max(now, slot.snapshots.back().created_at);
  if (name.empty()) name = NameOfTime(slot, "", now);
  return {.id = NewVolumeId(),
          .branch = branch.id,
          .name = std::move(name),
          .created_at = now,
          .is_automatic = false,
          .generation = branch.generation,
          .major = branch.major,
          .max_prepared_transactions = branch.max_prepared_transactions,
          .as_of = branch.as_of};
}

// The row first, as for branches. What fails leaves nothing.
Task<Status> BranchManager::MakeSnapshot(BranchSlot* slot, Snapshot* snapshot, WhileStill still) {
  Status made = co_await RunOnPool(workshop_.pool, [&]() -> Status {
    TRY(workshop_.journal.BeginSnapshot(*snapshot));
    workshop_.After("snapshot-begun");
    TRY(CloneFor(slot, slot->branch.volume, snapshot->id, still));
    workshop_.After("snapshot-cloned");
    return {};
  });
  if (made) made = co_await ReadControl(snapshot->id, snapshot);
  if (made) {
    made = co_await RunOnPool(workshop_.pool, [&]() -> Status {
      TRY(workshop_.storage.Freeze(snapshot->id));
      workshop_.After("snapshot-frozen");
      return workshop_.journal.CompleteSnapshot(*snapshot);
    });
  }
  if (made) co_return made;
  workshop_.logger.Failure("snapshot_not_taken", made.error(), {{"branch", slot->branch.name}});
  const Status removed = co_await RemoveVolume(&workshop_, snapshot->id);
  if (!removed)
    workshop_.logger.Failure("snapshot_not_cleared", removed.error(),
                             {{"branch", slot->branch.name}});
  co_return made;
}

Task<Status> BranchManager::ReadControl(std::string volume, Snapshot* into) {
  Status mounted =
      co_await RunOnPool(workshop_.pool, [&] { return workshop_.storage.Mount(volume); });
  CO_TRY(std::move(mounted));
  CO_TRY_ASSIGN(const std::string path, workshop_.storage.Path(volume));
  CO_TRY_ASSIGN(PostgresBinaries binaries, workshop_.servers.ForMajor(into->major));
  auto read = co_await workshop_.runtime.ReadControl(path, std::move(binaries));
  CO_TRY_ASSIGN(const ClusterControl control, std::move(read));
  into->checkpoint_lsn = control.checkpoint_lsn;
  into->timeline = control.timeline;
  into->system_identifier = control.system_identifier;
  co_return Status();
}

Task<Result<Snapshot>> BranchManager::DeleteSnapshot(std::string name, std::string snapshot) {
  co_return co_await OnShard(
      home_, tasks_, [this, &name, &snapshot] { return DeleteSnapshotHere(name, snapshot); });
}

Task<Result<Snapshot>> BranchManager::DeleteSnapshotHere(std::string name, std::string snapshot) {
  CO_TRY_ASSIGN(BranchSlot* const slot, FindForChange(name));
  const auto found = std::ranges::find(slot->snapshots, snapshot, &Snapshot::name);
  if (found == slot->snapshots.end()) co_return std::unexpected(NoSnapshot(name, snapshot));
  if (IsBeingUsed(*found)) co_return std::unexpected(Busy(name));
  Snapshot gone = *found;
  const Changing changing(*slot);
  Status removed = co_await RemoveSnapshot(slot, gone);
  CO_TRY(std::move(removed));
  co_return gone;
}

bool BranchManager::IsBeingUsed(const Snapshot& snapshot) const {
  return std::ranges::any_of(slots_, [&snapshot](const auto& other) {
    return other.second->state == BranchState::kMaking && other.second->made_of == snapshot.id;
  });
}

// What can't be removed now is removed at the next start.
Task<Status> BranchManager::RemoveSnapshot(BranchSlot* slot, Snapshot gone) {
  Status begun = co_await RunOnPool(workshop_.pool, [&]() -> Status {
    TRY(workshop_.journal.BeginRemoval(gone.id));
    workshop_.After("removal-begun");
    return {};
  });
  CO_TRY(std::move(begun));
  std::erase_if(slot->snapshots, [&gone](const Snapshot& kept) { return kept.id == gone.id; });
  const Status removed = co_await RemoveVolume(&workshop_, gone.id);
  if (!removed)
    workshop_.logger.Failure("snapshot_not_removed", removed.error(),
                             {{"branch", slot->branch.name}});
  co_return Status();
}

Task<void> BranchManager::RemoveOldAutomatic(BranchSlot* slot) {
  std::vector<Snapshot> automatic;
  std::ranges::copy_if(slot->snapshots, std::back_inserter(automatic), &Snapshot::is_automatic);
  for (std::size_t i = 0; i + kKeptAutomatic < automatic.size(); ++i) {
    if (IsBeingUsed(automatic[i])) continue;
    const Status removed = co_await RemoveSnapshot(slot, automatic[i]);
    if (!removed)
      workshop_.logger.Failure("snapshot_not_removed", removed.error(),
                               {{"branch", slot->branch.name}});
  }
}

Result<std::vector<Snapshot>> BranchManager::Snapshots(const std::string& name) {
  return runtime::RunOn(home_, [this, &name] { return SnapshotsHere(name); });
}

Task<Result<std::vector<Snapshot>>> BranchManager::SnapshotsHere(std::string name) {
  CO_TRY_ASSIGN(const BranchSlot* const slot, Find(name));
  co_return slot->snapshots;
}

Task<Result<BranchStatus>> BranchManager::Reset(std::string name, bool force) {
  co_return co_await OnShard(home_, tasks_,
                             [this, &name, force] { return ResetHere(name, force); });
}

Task<Result<BranchStatus>> BranchManager::ResetHere(std::string name, bool force) {
  CO_TRY_ASSIGN(BranchSlot* const slot, FindForReplacement(name, force));
  if (slot->branch.parent_id.empty()) {
    CO_TRY_ASSIGN(const SourceFollower* const source, UsableSource(slot->branch.source));
    Replacement with = ByNewest(source->newest());
    co_return co_await Replace(slot, [&] { return MakeReplacement(slot, std::move(with)); });
  }
  BranchSlot* const parent = FindById(slot->branch.parent_id);
  if (parent == nullptr) {
    co_return std::unexpected(Refuse(Refusal::kParentNotFound, slot->branch.parent));
  }
  const auto kept = parent->shared_from_this();
  co_return co_await Replace(slot, [&] { return ReplaceByParent(slot, parent); });
}

BranchManager::Replacement BranchManager::ByNewest(const Generation& newest) {
  return {.from = newest.id,
          .reason = "before-reset-",
          .generation = newest.id,
          .major = newest.major,
          .max_prepared_transactions = newest.max_prepared_transactions,
          .as_of = newest.as_of};
}

Task<Status> BranchManager::ReplaceByParent(BranchSlot* slot, BranchSlot* parent) {
  CO_TRY_ASSIGN(const Stillness still, co_await HoldStill(parent));
  const Branch& now = parent->branch;
  Replacement with{.from = now.volume,
                   .reason = "before-reset-",
                   .generation = now.generation,
                   .major = now.major,
                   .max_prepared_transactions = now.max_prepared_transactions,
                   .as_of = workshop_.clock.Now()};
  Status replaced = co_await MakeReplacement(slot, std::move(with), still.pause);
  LetGo(*parent, still);
  co_return replaced;
}

Task<Result<BranchStatus>> BranchManager::Restore(std::string name, std::string snapshot,
                                                  bool force) {
  co_return co_await OnShard(home_, tasks_, [this, &name, &snapshot, force] {
    return RestoreHere(name, snapshot, force);
  });
}

Task<Result<BranchStatus>> BranchManager::RestoreHere(std::string name, std::string snapshot,
                                                      bool force) {
  CO_TRY_ASSIGN(BranchSlot* const slot, FindForReplacement(name, force));
  const auto found = std::ranges::find(slot->snapshots, snapshot, &Snapshot::name);
  if (found == slot->snapshots.end()) co_return std::unexpected(NoSnapshot(name, snapshot));
  Replacement with{.from = found->id,
                   .reason = "before-restore-",
                   .generation = found->generation,
                   .major = found->major,
                   .max_prepared_transactions = found->max_prepared_transactions,
                   .as_of = found->as_of};
  co_return co_await Replace(slot, [&] { return MakeReplacement(slot, std::move(with)); });
}

Result<BranchSlot*> BranchManager::FindForReplacement(const std::string& name, bool force) {
  TRY_ASSIGN(BranchSlot* const slot, FindForChange(name));
  TRY(CheckDeletable(*slot, force));
  return slot;
}

// Who comes meanwhile waits, and finds the new data, or the old ones when that failed. Nobody is
// in, and nobody gets in, from before `replace` is called.
Task<Result<BranchStatus>> BranchManager::Replace(BranchSlot* slot,
                                                  std::function<Task<Status>()> replace) {
  const Changing changing(*slot);
  Status replaced;
  if (slot->state == BranchState::kRunning) replaced = co_await StopServer(slot);
  slot->state = BranchState::kStopping;
  if (replaced) replaced = co_await replace();
  if (!replaced)
    workshop_.logger.Failure("branch_not_replaced", replaced.error(),
                             {{"branch", slot->branch.name}});
  slot->state = BranchState::kStopped;
  const BranchStatus status = StatusOf(*slot);
  Settle(*slot);
  CO_TRY(std::move(replaced));
  co_await RemoveOldAutomatic(slot);  // clients get in meanwhile
  co_return status;
}

// One transaction gives the branch its new volume and keeps the old one, or gives it up: before it
// a start finds the old state, after it the new one.
Task<Status> BranchManager::MakeReplacement(BranchSlot* slot, Replacement with, WhileStill still) {
  Snapshot had = NewSnapshot(*slot, "");
  had.id = slot->branch.volume;
  had.name = NameOfTime(*slot, with.reason, had.created_at);
  had.is_automatic = true;
  if (with.keeps_old) {
    Status known = co_await ReadControl(had.id, &had);
    CO_TRY(std::move(known));
  }
  Branch branch = slot->branch;
  branch.volume = NewVolumeId();
  branch.generation = with.generation;
  branch.major = with.major;
  branch.max_prepared_transactions = with.max_prepared_transactions;
  branch.as_of = with.as_of;
  Status replaced = co_await RunOnPool(workshop_.pool, [&]() -> Status {
    TRY(workshop_.journal.BeginReplacement(branch.id, branch.volume));
    workshop_.After("replacement-begun");
    TRY(CloneFor(slot, with.from, branch.volume, still));
    workshop_.After("replacement-cloned");
    TRY(workshop_.journal.Replace(branch, had, with.keeps_old));
    workshop_.After("replacement-there");
    return {};
  });
  if (!replaced) {
    const Status removed = co_await RemoveVolume(&workshop_, branch.volume);
    if (!removed)
      workshop_.logger.Failure("branch_not_cleared", removed.error(),
                               {{"branch", slot->branch.name}});
    co_return replaced;
  }
  // The rest of it may have changed meanwhile.
  slot->branch.volume = std::move(branch.volume);
  slot->branch.generation = std::move(branch.generation);
  slot->branch.major = branch.major;
  slot->branch.max_prepared_transactions = branch.max_prepared_transactions;
  slot->branch.as_of = branch.as_of;
  slot->size.reset();
  if (!with.keeps_old) {
    const Status removed = co_await RemoveVolume(&workshop_, had.id);
    if (!removed)
      workshop_.logger.Failure("replaced_data_not_removed", removed.error(),
                               {{"branch", slot->branch.name}});
    co_return Status();
  }
  slot->snapshots.push_back(had);
  // Frozen or not, no server is ever started on it.
  const Status frozen =
      co_await RunOnPool(workshop_.pool, [&] { return workshop_.storage.Freeze(had.id); });
  if (!frozen)
    workshop_.logger.Failure("snapshot_not_frozen", frozen.error(),
                             {{"branch", slot->branch.name}});
  co_return Status();
}

}  // namespace prism::branching

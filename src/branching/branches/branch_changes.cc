// What somebody does to branches by name: BranchManager's calls for administrators.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "branching/branches/branch_manager.h"
#include "branching/branches/on_shard.h"
#include "branching/branches/pool_work.h"
#include "branching/branches/volume_server.h"
#include "branching/pgwire/refusal.h"

namespace prism::branching {

using runtime::Task;

namespace {

Error Busy(const std::string& name) {
  return Error(Code::kAborted, "BRANCH_BUSY",
               fmt::format("branch \"{}\" is being started, stopped or made: try again", name));
}

Error InUse(const std::string& name, int clients) {
  return Error(Code::kFailedPrecondition, "BRANCH_IN_USE",
               fmt::format("{} clients are in branch \"{}\": wait until they have left, or cut "
                           "them off (force)",
                           clients, name));
}

Error Exists(const std::string& name) {
  return Error(Code::kAlreadyExists, "BRANCH_EXISTS",
               fmt::format("there is a branch \"{}\": delete it, and wait for the end of its undo "
                           "period, or take another name",
                           name));
}

Error NotDeleted(const std::string& name) {
  return Error(Code::kFailedPrecondition, "BRANCH_NOT_DELETED",
               fmt::format("branch \"{}\" is not deleted", name));
}

}  // namespace

Task<Result<BranchStatus>> BranchManager::Create(EntryRequest request) {
  co_return co_await OnShard(home_, tasks_, [this, &request] { return CreateHere(request); });
}

Task<Result<BranchStatus>> BranchManager::CreateHere(EntryRequest request) {
  const std::string& name = request.branch.name();
  if (!open_) co_return std::unexpected(Refuse(Refusal::kShuttingDown));
  if (slots_.contains(name)) co_return std::unexpected(Exists(name));
  CO_TRY_ASSIGN(BranchSlot* const slot, NewSlot(request));
  Status made = co_await Found(slot);
  CO_TRY(std::move(made));
  slot->state = BranchState::kStopped;
  const BranchStatus status = StatusOf(*slot);
  Settle(*slot);
  co_return status;
}

Task<Result<BranchStatus>> BranchManager::Delete(std::string name, bool force) {
  co_return co_await OnShard(home_, tasks_,
                             [this, &name, force] { return DeleteHere(name, force); });
}

Task<Result<BranchStatus>> BranchManager::DeleteHere(std::string name, bool force) {
  CO_TRY_ASSIGN(BranchSlot* const slot, Find(name));
  if (slot->state == BranchState::kDeleted) co_return StatusOf(*slot);
  if (slot->inside > 0 && !force) co_return std::unexpected(InUse(name, slot->inside));
  if (slot->state != BranchState::kRunning && slot->state != BranchState::kStopped) {
    co_return std::unexpected(Busy(name));
  }
  Status marked;
  if (slot->state == BranchState::kRunning) marked = co_await StopServer(slot);
  slot->state = BranchState::kStopping;
  const WallMillis now = workshop_.clock.Now();
  if (marked) {
    marked = co_await RunOnPool(
        workshop_.pool, [&] { return workshop_.journal.MarkDeleted(slot->branch.id, now); });
  }
  if (!marked) {
    Settle(*slot);
    co_return std::unexpected(std::move(marked).error());
  }
  slot->branch.deleted_at = now;
  slot->state = BranchState::kDeleted;
  TurnAway(*slot, Refuse(Refusal::kBranchDeleted, name));
  RemoveLater(*slot);
  workshop_.logger.Info("branch_deleted", {{"branch", name}});
  co_return StatusOf(*slot);
}

Task<Result<BranchStatus>> BranchManager::Undelete(std::string name) {
  co_return co_await OnShard(home_, tasks_, [this, &name] { return UndeleteHere(name); });
}

Task<Result<BranchStatus>> BranchManager::UndeleteHere(std::string name) {
  CO_TRY_ASSIGN(BranchSlot* const slot, Find(name));
  if (slot->state == BranchState::kRemoving) co_return std::unexpected(Busy(name));
  if (slot->state != BranchState::kDeleted) co_return std::unexpected(NotDeleted(name));
  slot->idle.reset();
  slot->state = BranchState::kMaking;
  Status undeleted = co_await RunOnPool(
      workshop_.pool, [&] { return workshop_.journal.Undelete(slot->branch.id); });
  if (!undeleted) {
    slot->state = BranchState::kDeleted;
    TurnAway(*slot, Refuse(Refusal::kBranchDeleted, name));
    RemoveLater(*slot);
    co_return std::unexpected(std::move(undeleted).error());
  }
  slot->branch.deleted_at.reset();
  slot->state = BranchState::kStopped;
  const BranchStatus status = StatusOf(*slot);
  Settle(*slot);
  co_return status;
}

// At the end of its undo period, however the clock was set meanwhile.
void BranchManager::RemoveLater(BranchSlot& slot) {
  const MonoNanos age = (workshop_.clock.Now() - *slot.branch.deleted_at) * kNanosPerMilli;
  DiscardAfter(slot, std::clamp<MonoNanos>(limits_.undo_period - age, 0, limits_.undo_period));
}

void BranchManager::DiscardAfter(BranchSlot& slot, MonoNanos time) {
  if (cancel_.cancelled()) return;
  slot.idle =
      std::make_unique<BranchSlot::IdleTimer>([this, &slot] { tasks_.Spawn(Discard(&slot)); });
  home_.ArmTimerAt(*slot.idle, MonotonicNow() + time);
}

Task<void> BranchManager::Discard(BranchSlot* slot) {
  slot->state = BranchState::kRemoving;
  Status removed = co_await RunOnPool(
      workshop_.pool, [this, slot] { return workshop_.journal.BeginRemoval(slot->branch.id); });
  workshop_.After("removal-begun");
  if (removed) removed = co_await RemoveVolume(&workshop_, slot->branch.id);
  if (removed) {
    workshop_.logger.Info("branch_removed", {{"branch", slot->branch.name}});
    slots_.erase(slot->branch.name);
    co_return;
  }
  workshop_.logger.Failure("branch_not_removed", removed.error());
  DiscardAfter(*slot, kRemovalRetry);
}

}  // namespace prism::branching

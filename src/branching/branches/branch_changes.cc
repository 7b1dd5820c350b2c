// What somebody does to branches by name: BranchManager's calls for administrators.
#include <fmt/format.h>

#include <algorithm>
#include <list>
#include <utility>

#include "branching/branches/branch_changing.h"
#include "branching/branches/branch_errors.h"
#include "branching/branches/branch_manager.h"
#include "branching/branches/on_shard.h"
#include "branching/branches/volume_server.h"
#include "branching/instances/pool_work.h"
#include "branching/pgwire/refusal.h"

namespace prism::branching {

using runtime::Task;

Task<Result<BranchStatus>> BranchManager::Create(EntryRequest request) {
  co_return co_await OnShard(home_, tasks_, [this, &request] { return CreateHere(request); });
}

Task<Result<BranchStatus>> BranchManager::CreateHere(EntryRequest request) {
  const std::string& name = request.branch.name();
  if (!open_) co_return std::unexpected(Refuse(Refusal::kShuttingDown));
  CO_TRY(CheckNameIsFree(name));
  CO_TRY_ASSIGN(BranchSlot* const slot, NewSlot(request));
  Status made = co_await Found(slot);
  CO_TRY(std::move(made));
  slot->state = BranchState::kStopped;
  const BranchStatus status = StatusOf(*slot);
  Settle(*slot);
  co_return status;
}

Status BranchManager::CheckNameIsFree(const std::string& name) const {
  const auto it = slots_.find(name);
  if (it == slots_.end()) return {};
  return std::unexpected(it->second->branch.deleted_at ? DeletedExists(name) : Exists(name));
}

Task<Result<BranchStatus>> BranchManager::Delete(std::string name, Deletion how) {
  co_return co_await OnShard(home_, tasks_, [this, &name, how] { return DeleteHere(name, how); });
}

Task<Result<BranchStatus>> BranchManager::DeleteHere(std::string name, Deletion how) {
  CO_TRY_ASSIGN(BranchSlot* const slot, Find(name));
  const auto kept = slot->shared_from_this();
  if (slot->state != BranchState::kDeleted) {
    std::vector<BranchSlot*> all = DescendantsOf(*slot);
    if (!how.recursive && !all.empty()) {
      co_return std::unexpected(HasChildren(name, all.front()->branch.name));
    }
    all.push_back(slot);
    for (const BranchSlot* one : all) CO_TRY(CheckDeletable(*one, how.force));
    Status deleted = co_await DeleteAll(std::move(all));
    CO_TRY(std::move(deleted));
  }
  if (how.purge) {
    std::vector<BranchSlot*> all;
    if (how.recursive) all = DescendantsOf(*slot, true);
    all.push_back(slot);
    Status purged = co_await Purge(std::move(all));
    CO_TRY(std::move(purged));
  }
  co_return StatusOf(*slot);
}

std::vector<BranchSlot*> BranchManager::DescendantsOf(const BranchSlot& slot, bool deleted) {
  std::vector<BranchSlot*> found;
  const auto add_children = [&](const std::string& id) {
    for (const auto& [name, other] : slots_) {
      const Branch& branch = other->branch;
      if (branch.parent_id == id && branch.deleted_at.has_value() == deleted &&
          name == branch.name) {
        found.push_back(other.get());
      }
    }
  };
  add_children(slot.branch.id);
  for (std::size_t i = 0; i < found.size(); ++i) add_children(found[i]->branch.id);
  return found;
}

Status BranchManager::CheckDeletable(const BranchSlot& slot, bool force) {
  const std::string& name = slot.branch.name;
  if (slot.branch.is_protected) return std::unexpected(Protected(name));
  if (slot.inside > 0 && !force) return std::unexpected(InUse(name, slot.inside));
  const bool rests = slot.state == BranchState::kRunning || slot.state == BranchState::kStopped;
  if (slot.changing || !rests) return std::unexpected(Busy(name));
  return {};
}

// All or none. Who comes meanwhile waits.
Task<Status> BranchManager::DeleteAll(std::vector<BranchSlot*> slots) {
  std::vector<std::string> ids;
  std::list<Changing> changing;
  for (BranchSlot* slot : slots) {
    changing.emplace_back(*slot);
    slot->state = BranchState::kStopping;
    ids.push_back(slot->branch.id);
  }
  Status marked;
  for (BranchSlot* slot : slots) {
    if (marked && slot->instance != nullptr) marked = co_await StopServer(slot);
  }
  const WallMillis now = workshop_.clock.Now();
  if (marked) {
    marked =
        co_await RunOnPool(workshop_.pool, [&] { return workshop_.journal.MarkDeleted(ids, now); });
  }
  for (BranchSlot* slot : slots) {
    if (!marked) {
      GoOn(*slot);
      continue;
    }
    slot->branch.deleted_at = now;
    slot->state = BranchState::kDeleted;
    TurnAway(*slot, Refuse(Refusal::kBranchDeleted, slot->branch.name));
    RemoveLater(*slot);
    workshop_.logger.Info("branch_deleted", {{"branch", slot->branch.name}});
  }
  co_return marked;
}

// It was to be stopped, and was or was not.
void BranchManager::GoOn(BranchSlot& slot) {
  if (slot.instance != nullptr && !slot.instance->running()) slot.instance.reset();
  if (slot.instance == nullptr) return Settle(slot);
  slot.state = BranchState::kRunning;  // it is still watched
  Welcome(slot);
  RestWhenIdle(slot);
}

Task<Result<BranchStatus>> BranchManager::StopBranch(std::string name, bool force) {
  co_return co_await OnShard(home_, tasks_,
                             [this, &name, force] { return StopBranchHere(name, force); });
}

Task<Result<BranchStatus>> BranchManager::StopBranchHere(std::string name, bool force) {
  CO_TRY_ASSIGN(BranchSlot* const slot, FindForChange(name));
  if (slot->inside > 0 && !force) co_return std::unexpected(InUse(name, slot->inside));
  if (slot->state == BranchState::kStopped) co_return StatusOf(*slot);
  if (slot->state != BranchState::kRunning || slot->copying > 0) {
    co_return std::unexpected(Busy(name));
  }
  const Changing changing(*slot);
  Status stopped = co_await StopServer(slot);
  if (!stopped) {
    GoOn(*slot);
    co_return std::unexpected(std::move(stopped).error());
  }
  workshop_.logger.Info("branch_stopped", {{"branch", slot->branch.name}});
  slot->state = BranchState::kStopped;
  const BranchStatus status = StatusOf(*slot);
  Settle(*slot);
  co_return status;
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
  Branch back = slot->branch;
  if (back.expires_at && *back.expires_at <= workshop_.clock.Now()) back.expires_at.reset();
  Status undeleted = co_await RunOnPool(workshop_.pool, [&]() -> Status {
    TRY(workshop_.journal.Update(back));
    return workshop_.journal.Undelete(back.id);
  });
  if (!undeleted) {
    slot->state = BranchState::kDeleted;
    TurnAway(*slot, Refuse(Refusal::kBranchDeleted, name));
    RemoveLater(*slot);
    co_return std::unexpected(std::move(undeleted).error());
  }
  slot->branch.expires_at = back.expires_at;
  slot->branch.deleted_at.reset();
  slot->state = BranchState::kStopped;
  const BranchStatus status = StatusOf(*slot);
  Settle(*slot);
  co_return status;
}

Result<BranchSlot*> BranchManager::FindForChange(const std::string& name) {
  TRY_ASSIGN(BranchSlot* const slot, Find(name));
  if (slot->branch.deleted_at) return std::unexpected(Refuse(Refusal::kBranchDeleted, name));
  const bool whole = slot->state != BranchState::kMaking && slot->state != BranchState::kRemoving;
  if (slot->changing || !whole) return std::unexpected(Busy(name));
  return slot;
}

Task<Result<BranchStatus>> BranchManager::Update(std::string name, BranchChange change) {
  co_return co_await OnShard(home_, tasks_,
                             [this, &name, &change] { return UpdateHere(name, change); });
}

Task<Result<BranchStatus>> BranchManager::UpdateHere(std::string name, BranchChange change) {
  CO_TRY_ASSIGN(BranchSlot* const slot, FindForChange(name));
  Branch branch = slot->branch;
  branch.is_protected = change.is_protected.value_or(branch.is_protected);
  if (change.ttl) {
    branch.expires_at.reset();
    if (*change.ttl) branch.expires_at = workshop_.clock.Now() + (*change.ttl)->count();
  }
  CO_TRY(co_await Rewrite(slot, std::move(branch)));
  ExpireWhenDue(*slot);
  co_return StatusOf(*slot);
}

Task<Result<BranchStatus>> BranchManager::Rename(std::string name, BranchName to) {
  co_return co_await OnShard(home_, tasks_, [this, &name, &to] { return RenameHere(name, to); });
}

// Both names are its own until the journal has the new one.
Task<Result<BranchStatus>> BranchManager::RenameHere(std::string name, BranchName to) {
  CO_TRY_ASSIGN(BranchSlot* const slot, FindForChange(name));
  CO_TRY(CheckNewName(to.name()));
  if (to.name() == name) co_return StatusOf(*slot);
  CO_TRY(CheckNameIsFree(to.name()));
  slots_.emplace(to.name(), slot->shared_from_this());
  Branch branch = slot->branch;
  branch.name = to.name();
  branch.label = to.label();
  Status renamed = co_await Rewrite(slot, std::move(branch));
  slots_.erase(renamed ? name : to.name());
  CO_TRY(std::move(renamed));
  workshop_.logger.Info("branch_renamed", {{"branch", to.name()}, {"before", name}});
  co_return StatusOf(*slot);
}

// On disk, then in memory.
Task<Status> BranchManager::Rewrite(BranchSlot* slot, Branch branch) {
  const Changing changing(*slot);
  Status written = co_await RunOnPool(workshop_.pool, [&]() -> Status {
    TRY(workshop_.journal.Update(branch));
    workshop_.After("branch-changed");
    return {};
  });
  CO_TRY(std::move(written));
  slot->branch.name = std::move(branch.name);
  slot->branch.label = std::move(branch.label);
  for (auto& [name, child] : slots_) {
    if (child->branch.parent_id == branch.id) child->branch.parent = slot->branch.name;
  }
  slot->branch.is_protected = branch.is_protected;
  slot->branch.expires_at = branch.expires_at;
  co_return Status();
}

// Nobody is cut off: while somebody is in, nothing is due, and who leaves last comes here again.
void BranchManager::ExpireWhenDue(BranchSlot& slot) {
  slot.expiry.reset();
  const Branch& branch = slot.branch;
  if (!branch.expires_at || branch.is_protected || branch.deleted_at || slot.inside > 0) return;
  const WallMillis left = *branch.expires_at - workshop_.clock.Now();
  ExpireAfter(slot, std::max<WallMillis>(left, 0) * kNanosPerMilli);
}

void BranchManager::ExpireAfter(BranchSlot& slot, MonoNanos time) {
  if (cancel_.cancelled()) return;
  slot.expiry = std::make_unique<BranchSlot::DueTimer>([this, &slot] {
    if (slot.inside == 0 && !slot.branch.deleted_at) tasks_.Spawn(Expire(&slot));
  });
  home_.ArmTimerAt(*slot.expiry, MonotonicNow() + time);
}

Task<void> BranchManager::Expire(BranchSlot* slot) {
  const auto here = slot->shared_from_this();
  if (!slot->waiting.empty()) co_return ExpireAfter(*slot, kExpiryRetry);
  const auto deleted = co_await DeleteHere(slot->branch.name, {});
  if (deleted) {
    workshop_.logger.Info("branch_expired", {{"branch", slot->branch.name}});
    co_return;
  }
  // It may have children.
  const bool soon = deleted.error().reason() == "BRANCH_BUSY";
  if (!soon)
    workshop_.logger.Failure("branch_not_expired", deleted.error(),
                             {{"branch", slot->branch.name}});
  ExpireAfter(*slot, soon ? kExpiryRetry : kRemovalRetry);
}

// At the end of its undo period, however the clock was set meanwhile.
void BranchManager::RemoveLater(BranchSlot& slot) {
  const MonoNanos age = (workshop_.clock.Now() - *slot.branch.deleted_at) * kNanosPerMilli;
  DiscardAfter(slot, std::clamp<MonoNanos>(limits_.undo_period - age, 0, limits_.undo_period));
}

void BranchManager::DiscardAfter(BranchSlot& slot, MonoNanos time) {
  if (cancel_.cancelled()) return;
  slot.idle = std::make_unique<BranchSlot::DueTimer>(
      [this, &slot] { tasks_.Spawn(DiscardWhenDue(&slot)); });
  home_.ArmTimerAt(*slot.idle, MonotonicNow() + time);
}

Task<Status> BranchManager::Purge(std::vector<BranchSlot*> deleted) {
  std::vector<std::shared_ptr<BranchSlot>> going;
  for (BranchSlot* slot : deleted) {
    if (slot->state != BranchState::kDeleted) co_return std::unexpected(Busy(slot->branch.name));
    going.push_back(slot->shared_from_this());
  }
  for (const auto& slot : going) {
    slot->idle.reset();
    slot->state = BranchState::kRemoving;
  }
  Status purged;
  for (const auto& slot : going) {
    Status removed = co_await Discard(slot.get());
    if (!removed) purged = std::move(removed);
  }
  co_return purged;
}

Task<void> BranchManager::DiscardWhenDue(BranchSlot* slot) {
  (void)co_await Discard(slot);  // an error is in the log
}

Task<Status> BranchManager::Discard(BranchSlot* slot) {
  slot->state = BranchState::kRemoving;
  Status removed = co_await RunOnPool(
      workshop_.pool, [this, slot] { return workshop_.journal.BeginRemoval(slot->branch.volume); });
  workshop_.After("removal-begun");
  while (removed && !slot->snapshots.empty()) {
    removed = co_await RemoveVolume(&workshop_, slot->snapshots.back().id);
    if (removed) slot->snapshots.pop_back();
  }
  if (removed) removed = co_await RemoveVolume(&workshop_, slot->branch.volume);
  if (removed) {
    workshop_.logger.Info("branch_removed", {{"branch", slot->branch.name}});
    slots_.erase(slot->branch.name);
    co_return removed;
  }
  workshop_.logger.Failure("branch_not_removed", removed.error(), {{"branch", slot->branch.name}});
  DiscardAfter(*slot, kRemovalRetry);
  co_return removed;
}

}  // namespace prism::branching

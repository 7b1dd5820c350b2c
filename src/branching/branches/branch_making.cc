// How the data of branches come and go.
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/ids.h"
#include "base/strings.h"
#include "branching/branches/branch_errors.h"
#include "branching/branches/branch_manager.h"
#include "branching/branches/checkpoint.h"
#include "branching/branches/volume_server.h"
#include "branching/instances/clean_clone.h"
#include "branching/instances/pool_work.h"
#include "branching/pgwire/refusal.h"
#include "runtime/sync_wait.h"

namespace prism::branching {

using runtime::Task;

namespace {

Error NoSpare() { return {Code::kNotFound, "SPARE_MISSING", "there is no spare"}; }

// What a client can do something about; what went wrong inside is in the log.
Error ForClient(const Error& error, const std::string& branch) {
  constexpr auto kTold = std::to_array<std::string_view>(
      {"BRANCH_BUSY", "BRANCH_IN_USE", "BRANCH_DELETED", "PARENT_NOT_FOUND", "BRANCH_DAMAGED"});
  if (std::ranges::find(kTold, error.reason()) != kTold.end()) return error;
  if (error.reason() == "DISK_FULL") return Refuse(Refusal::kDiskFull);
  if (error.code() == Code::kAlreadyExists) return Refuse(Refusal::kBranchNameTaken, branch);
  return Refuse(Refusal::kBranchNotMade, branch);
}

}  // namespace

BranchSlot* BranchManager::FindById(std::string_view id) {
  const auto it =
      std::ranges::find_if(slots_, [id](const auto& slot) { return slot.second->branch.id == id; });
  return it == slots_.end() ? nullptr : it->second.get();
}

// In kMaking.
Result<BranchSlot*> BranchManager::NewSlot(const EntryRequest& request) {
  const std::string& name = request.branch.name();
  TRY(CheckNewName(name));
  TRY(CheckQuota(request));
  auto slot = std::make_shared<BranchSlot>(NewBranch(request));
  TRY(ChooseOrigin(request, *slot));
  TRY(CheckLogin(request, slot->branch.source));
  slot->state = BranchState::kMaking;
  return slots_.emplace(name, std::move(slot)).first->second.get();
}

namespace {

// Deleted ones don't, nor the second name of one that is being renamed.
bool Counts(const std::string& name, const BranchSlot& slot) {
  return !slot.branch.deleted_at && name == slot.branch.name;
}

// Or is about to.
bool HasServer(BranchState state) {
  return state == BranchState::kMaking || state == BranchState::kStarting ||
         state == BranchState::kRunning || state == BranchState::kStopping;
}

}  // namespace

OwnerUse BranchManager::UseOf(const std::string& owner) const {
  OwnerUse use;
  for (const auto& [name, slot] : slots_) {
    if (!Counts(name, *slot) || slot->branch.created_by != owner) continue;
    ++use.branches;
    if (slot->size) use.disk_bytes += slot->size->usage.own_bytes;
    if (HasServer(slot->state)) ++use.servers;
  }
  return use;
}

Status BranchManager::CheckQuota(const EntryRequest& request) {
  const auto all = std::ranges::count_if(
      slots_, [](const auto& slot) { return Counts(slot.first, *slot.second); });
  if (all >= limits_.max_branches) return std::unexpected(Refuse(Refusal::kTooManyBranches));
  return quotas_.MayMake(request.user, UseOf(request.user));
}

std::string BranchManager::NewVolumeId() { return "b-" + base::LowerCase(base::NewId()); }

Status BranchManager::CheckNewName(const std::string& name) const {
  if (IsReservedBranchName(name)) {
    return std::unexpected(Refuse(Refusal::kReservedBranchName, name));
  }
  if (!sources_.contains(name)) return {};
  return std::unexpected(Refuse(Refusal::kNameOfSource, name));
}

Branch BranchManager::NewBranch(const EntryRequest& request) const {
  const WallMillis now = workshop_.clock.Now();
  std::optional<WallMillis> expires_at;
  if (request.ttl) expires_at = now + request.ttl->count();
  const std::string id = NewVolumeId();
  return {.id = id,
          .name = request.branch.name(),
          .label = request.branch.label(),
          .generation = {},
          .parent = {},
          .created_at = now,
          .created_by = request.user,
          .last_activity = now,
          .deleted_at = {},
          .is_protected = false,
          .expires_at = expires_at,
          .parent_id = {},
          .volume = id};
}

// At best by naming what is there.
Task<void> BranchManager::Make(BranchSlot* slot) {
  const Status named = co_await NameSpare(slot);
  if (named) co_return BeginRunning(*slot);
  const Status made = co_await Found(slot);
  if (made) Settle(*slot);
}

// SPARE_MISSING: it is to be made.
Task<Status> BranchManager::NameSpare(BranchSlot* slot) {
  if (slot->made_of != slot->branch.generation) co_return std::unexpected(NoSpare());
  std::optional<Spare> spare = spares_.Take(slot->branch.generation);
  if (!spare) co_return std::unexpected(NoSpare());
  Branch branch = slot->branch;
  branch.volume = spare->volume;
  Status claimed =
      co_await RunOnPool(workshop_.pool, [&] { return workshop_.journal.ClaimSpare(branch); });
  if (!claimed) {
    workshop_.logger.Failure("spare_not_named", claimed.error(), {{"branch", slot->branch.name}});
    spares_.Discard(*std::move(spare));
    co_return claimed;
  }
  workshop_.After("branch-named");
  slot->branch.volume = std::move(branch.volume);
  slot->instance = std::move(spare->instance);
  NoteMade(*slot);
  co_return Status();
}

void BranchManager::NoteMade(const BranchSlot& slot) {
  workshop_.logger.Info("branch_made", {{"branch", slot.branch.name},
                                        {"volume", slot.branch.volume},
                                        {"user", slot.branch.created_by}});
}

// What follows kMaking is left to the caller, unless there is no slot any more.
Task<Status> BranchManager::Found(BranchSlot* slot) {
  Status made = co_await MakeVolume(slot);
  if (made) {
    NoteMade(*slot);
    co_return made;
  }
  workshop_.logger.Failure("branch_not_made", made.error(), {{"branch", slot->branch.name}});
  if (DistrustIfDamaged(*slot, made.error())) {
    made = std::unexpected(Refuse(Refusal::kBranchDamaged, slot->branch.name));
  }
  const Status removed = co_await RemoveVolume(&workshop_, slot->branch.volume);
  TurnAway(*slot, ForClient(made.error(), slot->branch.name));
  if (removed) {
    slots_.erase(slot->branch.name);
  } else {
    workshop_.logger.Failure("branch_not_cleared", removed.error(),
                             {{"branch", slot->branch.name}});
    slot->state = BranchState::kRemoving;
    DiscardAfter(*slot, kRemovalRetry);
  }
  co_return made;
}

Task<Status> BranchManager::MakeVolume(BranchSlot* slot) {
  if (slot->made_of.empty()) co_return co_await MakeFromBranch(slot);
  co_return co_await MakeFrom(slot, slot->made_of, {});
}

Task<Status> BranchManager::MakeFromBranch(BranchSlot* slot) {
  BranchSlot* const parent = FindById(slot->branch.parent_id);
  if (parent == nullptr) {
    co_return std::unexpected(Refuse(Refusal::kParentNotFound, slot->branch.parent));
  }
  if (parent->changing) co_return std::unexpected(Busy(parent->branch.name));
  const auto kept = parent->shared_from_this();
  CO_TRY_ASSIGN(const Stillness still, co_await HoldStill(parent));
  slot->branch.as_of = workshop_.clock.Now();
  Status made = co_await MakeFrom(slot, parent->branch.volume, still.pause);
  LetGo(*parent, still);
  co_return made;
}

// A server in a copy that has much to replay is slow to start. What can't be had is no error: the
// copy is as right without.
Task<void> BranchManager::ShortenReplay(BranchSlot* slot) {
  ++slot->copying;
  const std::string socket = slot->instance->socket_path();
  const Status done = co_await RunOnPool(
      workshop_.pool, [&] { return CheckpointWhenFar(socket, workshop_.superuser); });
  if (!done)
    workshop_.logger.Failure("checkpoint_failed", done.error(), {{"branch", slot->branch.name}});
  --slot->copying;
  RestWhenIdle(*slot);
}

Task<Result<BranchManager::Stillness>> BranchManager::HoldStill(BranchSlot* slot) {
  const Branch& branch = slot->branch;
  const StorageTraits& can = workshop_.storage.traits();
  if (slot->state == BranchState::kRunning && can.quick_over_still_source) {
    co_await ShortenReplay(slot);
  }
  if (branch.deleted_at) co_return std::unexpected(Refuse(Refusal::kBranchDeleted, branch.name));
  if (slot->state == BranchState::kMaking) co_return std::unexpected(Busy(branch.name));
  // Without fsync nothing orders what it writes: its log may be older than its pages in a clone.
  const bool is_ordered = settings_.profile == InstanceProfile::kDurable;
  if (can.atomic_over_running_source && is_ordered) co_return Stillness{};
  const bool runs = slot->state == BranchState::kRunning;
  if (runs && can.quick_over_still_source) {
    ++slot->copying;
    co_return Stillness{.stopped = false, .pause = slot->instance->pauser()};
  }
  if (slot->inside > 0) co_return std::unexpected(Refuse(Refusal::kBranchInUse, branch.name));
  if (!runs && slot->state != BranchState::kStopped) co_return std::unexpected(Busy(branch.name));
  slot->state = BranchState::kStopping;
  if (!runs) co_return Stillness{.stopped = true, .pause = {}};
  Status stopped = co_await StopServer(slot);
  if (stopped) co_return Stillness{.stopped = true, .pause = {}};
  Settle(*slot);
  co_return std::unexpected(std::move(stopped).error());
}

void BranchManager::LetGo(BranchSlot& slot, const Stillness& still) {
  if (still.stopped) Settle(slot);
  if (!still.pause) return;
  --slot.copying;
  RestWhenIdle(slot);
}

Status BranchManager::CloneFor(BranchSlot* slot, const std::string& from, const std::string& to,
                               const WhileStill& still) {
  Status cloned = CloneVolume(workshop_, from, to, still, slot->copied.Watch(stopping_));
  slot->copied.Clear();
  return cloned;
}

TransferProgress BranchManager::Copied(const std::string& name) {
  return runtime::RunOn(home_, [this, &name] { return CopiedHere(name); });
}

Task<TransferProgress> BranchManager::CopiedHere(std::string name) {
  if (const auto slot = slots_.find(name); slot != slots_.end()) {
    co_return slot->second->copied.done();
  }
  const auto source = sources_.find(name);
  if (source == sources_.end() || source->second.follower->source() == nullptr) co_return {};
  co_return source->second.follower->source()->copied();
}

// The row first: a volume that no row names is never touched again.
Task<Status> BranchManager::MakeFrom(BranchSlot* slot, std::string volume, WhileStill still) {
  co_return co_await RunOnPool(workshop_.pool, [&, branch = slot->branch]() -> Status {
    TRY(workshop_.journal.BeginBranch(branch));
    workshop_.After("branch-begun");
    TRY(CloneFor(slot, volume, branch.volume, still));
    workshop_.After("branch-cloned");
    TRY(workshop_.journal.CompleteBranch(branch.id));
    workshop_.After("branch-there");
    return {};
  });
}

}  // namespace prism::branching

// How the data of branches come and go.
#include <algorithm>
#include <optional>
#include <utility>

#include "base/ids.h"
#include "base/strings.h"
#include "branching/branches/branch_manager.h"
#include "branching/branches/pool_work.h"
#include "branching/branches/volume_server.h"
#include "branching/pgwire/refusal.h"

namespace prism::branching {

using runtime::Task;

namespace {

// What the template is called where branches are named.
constexpr std::string_view kSource = "source";

Error NoSpare() { return {Code::kNotFound, "SPARE_MISSING", "there is no spare"}; }

// What went wrong inside is in the log.
Error ForClient(const Error& error, const std::string& branch) {
  if (error.reason() == "DISK_FULL") return Refuse(Refusal::kDiskFull);
  if (error.code() == Code::kAlreadyExists) return Refuse(Refusal::kBranchNameTaken, branch);
  return Refuse(Refusal::kBranchNotReady, branch);
}

}  // namespace

// In kMaking.
Result<BranchSlot*> BranchManager::NewSlot(const EntryRequest& request) {
  const std::string& name = request.branch.name();
  TRY(CheckNewName(name));
  if (request.from && *request.from != kSource) {
    return std::unexpected(Refuse(Refusal::kParentNotFound, *request.from));
  }
  const auto counts = [](const auto& slot) { return !slot.second->branch.deleted_at.has_value(); };
  if (std::ranges::count_if(slots_, counts) >= limits_.max_branches) {
    return std::unexpected(Refuse(Refusal::kTooManyBranches));
  }
  auto slot = std::make_shared<BranchSlot>(NewBranch(request));
  slot->state = BranchState::kMaking;
  return slots_.emplace(name, std::move(slot)).first->second.get();
}

Status BranchManager::CheckNewName(const std::string& name) const {
  if (!IsReservedBranchName(name)) return {};
  return std::unexpected(Refuse(Refusal::kReservedBranchName, name));
}

Branch BranchManager::NewBranch(const EntryRequest& request) const {
  const WallMillis now = workshop_.clock.Now();
  std::optional<WallMillis> expires_at;
  if (request.ttl) expires_at = now + request.ttl->count();
  return {.id = "b-" + base::LowerCase(base::NewId()),
          .name = request.branch.name(),
          .label = request.branch.label(),
          .generation = generation_.id,
          .major = generation_.major,
          .max_prepared_transactions = generation_.max_prepared_transactions,
          .parent = std::string(kSource),
          .as_of = generation_.as_of,
          .created_at = now,
          .created_by = request.user,
          .last_activity = now,
          .deleted_at = {},
          .is_protected = false,
          .expires_at = expires_at};
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
  std::optional<Spare> spare = spares_.Take(slot->branch.generation);
  if (!spare) co_return std::unexpected(NoSpare());
  Branch branch = slot->branch;
  branch.id = spare->volume;
  Status claimed =
      co_await RunOnPool(workshop_.pool, [&] { return workshop_.journal.ClaimSpare(branch); });
  if (!claimed) {
    workshop_.logger.Failure("spare_not_named", claimed.error());
    spares_.Discard(*std::move(spare));
    co_return claimed;
  }
  workshop_.After("branch-named");
  slot->branch = std::move(branch);
  slot->instance = std::move(spare->instance);
  NoteMade(*slot);
  co_return Status();
}

void BranchManager::NoteMade(const BranchSlot& slot) {
  workshop_.logger.Info(
      "branch_made",
      {{"branch", slot.branch.name}, {"volume", slot.branch.id}, {"user", slot.branch.created_by}});
}

// What follows kMaking is left to the caller, unless there is no slot any more.
Task<Status> BranchManager::Found(BranchSlot* slot) {
  Status made = co_await MakeVolume(slot);
  if (made) {
    NoteMade(*slot);
    co_return made;
  }
  workshop_.logger.Failure("branch_not_made", made.error());
  const Status removed = co_await RemoveVolume(&workshop_, slot->branch.id);
  TurnAway(*slot, ForClient(made.error(), slot->branch.name));
  if (removed) {
    slots_.erase(slot->branch.name);
  } else {
    workshop_.logger.Failure("branch_not_cleared", removed.error());
    slot->state = BranchState::kRemoving;
    DiscardAfter(*slot, kRemovalRetry);
  }
  co_return made;
}

// The row first: a volume that no row names is never touched again.
Task<Status> BranchManager::MakeVolume(BranchSlot* slot) {
  co_return co_await RunOnPool(workshop_.pool, [this, slot]() -> Status {
    TRY(workshop_.journal.BeginBranch(slot->branch));
    workshop_.After("branch-begun");
    TRY(workshop_.storage.Clone(slot->branch.generation, slot->branch.id));
    workshop_.After("branch-cloned");
    TRY(workshop_.journal.CompleteBranch(slot->branch.id));
    workshop_.After("branch-there");
    return {};
  });
}

}  // namespace prism::branching

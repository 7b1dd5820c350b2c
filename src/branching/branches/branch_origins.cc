// What a new branch is made of: a source now or at a time, a branch, or a snapshot.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/time_text.h"
#include "branching/branches/branch_errors.h"
#include "branching/branches/branch_manager.h"
#include "branching/pgwire/refusal.h"

namespace prism::branching {

namespace {

std::optional<WallMillis> ReadTime(std::string_view text) {
  const auto time = base::ParseTimestamp(text);
  if (!time) return std::nullopt;
  return time->seconds * 1000 + time->nanos / 1'000'000;
}

// The parent, and what it has.
void BecomeChild(Branch& branch, const Branch& parent) {
  branch.parent = parent.name;
  branch.parent_id = parent.id;
  branch.source = parent.source;
  branch.generation = parent.generation;
  branch.major = parent.major;
  branch.max_prepared_transactions = parent.max_prepared_transactions;
}

void MakeOf(BranchSlot& slot, const Generation& generation) {
  slot.made_of = generation.id;
  slot.branch.parent = generation.source;
  slot.branch.source = generation.source;
  slot.branch.generation = generation.id;
  slot.branch.major = generation.major;
  slot.branch.max_prepared_transactions = generation.max_prepared_transactions;
  slot.branch.as_of = generation.as_of;
}

void MakeOf(BranchSlot& slot, const Snapshot& snapshot) {
  slot.made_of = snapshot.id;
  slot.branch.generation = snapshot.generation;
  slot.branch.major = snapshot.major;
  slot.branch.max_prepared_transactions = snapshot.max_prepared_transactions;
  slot.branch.as_of = snapshot.created_at;
}

// `as_of`: of the oldest state that there is.
Error BeforeOldest(std::string_view from, WallMillis as_of) {
  return Refuse(
      Refusal::kTimeBeforeOldest,
      fmt::format("{}: the oldest is of {}", from.substr(0, 64), telemetry::FormatTime(as_of)));
}

}  // namespace

BranchSlot* BranchManager::FindByNameOrLabel(std::string_view text) {
  const auto name = BranchName::From(text);
  if (!name) return nullptr;
  const auto it = slots_.find(name->name());
  if (it == slots_.end()) return nullptr;
  BranchSlot& slot = *it->second;
  return name->Means(slot.branch.name, slot.branch.label) ? &slot : nullptr;
}

Status BranchManager::ChooseOrigin(const EntryRequest& request, BranchSlot& slot) {
  const std::string from = request.from.value_or(std::string(kSourceName));
  if (const auto time = ReadTime(from)) return ChooseGenerationAt(kSourceName, *time, from, slot);
  if (sources_.contains(from)) return ChooseNewest(from, slot);
  if (FindByNameOrLabel(from) != nullptr || !from.contains('@')) return ChooseBranch(from, slot);
  return ChooseSnapshot(from, slot);
}

Status BranchManager::ChooseNewest(std::string_view source, BranchSlot& slot) const {
  TRY_ASSIGN(const SourceFollower* const follower, UsableSource(source));
  MakeOf(slot, follower->newest());
  slot.untouched = true;
  return {};
}

Status BranchManager::ChooseGenerationAt(std::string_view source, WallMillis time,
                                         std::string_view from, BranchSlot& slot) const {
  TRY_ASSIGN(const SourceFollower* const follower, UsableSource(source));
  const std::vector<Generation>& all = follower->generations();
  const auto after = std::ranges::upper_bound(all, time, {}, &Generation::as_of);
  if (after == all.begin()) return std::unexpected(BeforeOldest(from, all.front().as_of));
  MakeOf(slot, *std::prev(after));
  return {};
}

// Also of what is not there, or can't be used just now.
std::string BranchManager::SourceOfOrigin(std::string_view from) {
  for (const std::string_view of : {from, from.substr(0, from.rfind('@'))}) {
    if (sources_.contains(of)) return std::string(of);
    if (const BranchSlot* const parent = FindByNameOrLabel(of)) return parent->branch.source;
  }
  return std::string(kSourceName);
}

std::string BranchManager::SourceOf(const BranchName& branch,
                                    const std::optional<std::string>& from) {
  const auto it = slots_.find(branch.name());
  if (it != slots_.end()) return it->second->branch.source;
  if (sources_.contains(branch.name())) return branch.name();
  return from ? SourceOfOrigin(*from) : std::string(kSourceName);
}

Status BranchManager::ChooseBranch(std::string_view from, BranchSlot& slot) {
  const BranchSlot* const parent = FindByNameOrLabel(from);
  if (parent == nullptr) return std::unexpected(Refuse(Refusal::kParentNotFound, from));
  if (parent->branch.deleted_at) return std::unexpected(Refuse(Refusal::kBranchDeleted, from));
  if (parent->state == BranchState::kMaking) return std::unexpected(Busy(parent->branch.name));
  BecomeChild(slot.branch, parent->branch);
  return {};
}

// BRANCH@SNAPSHOT, or BRANCH@TIME: the newest snapshot of it before that; or SOURCE@TIME.
Status BranchManager::ChooseSnapshot(std::string_view from, BranchSlot& slot) {
  const std::size_t at = from.rfind('@');
  const std::string_view rest = from.substr(at + 1);
  const auto time = ReadTime(rest);
  const std::string_view of = from.substr(0, at);
  if (time && sources_.contains(of)) return ChooseGenerationAt(of, *time, from, slot);
  TRY(ChooseBranch(from.substr(0, at), slot));
  const std::vector<Snapshot>& snapshots = FindByNameOrLabel(from.substr(0, at))->snapshots;
  if (!time) {
    const auto found = std::ranges::find(snapshots, rest, &Snapshot::name);
    if (found == snapshots.end()) return std::unexpected(Refuse(Refusal::kParentNotFound, from));
    MakeOf(slot, *found);
    return {};
  }
  const auto after = std::ranges::upper_bound(snapshots, *time, {}, &Snapshot::created_at);
  if (snapshots.empty()) return std::unexpected(Refuse(Refusal::kParentNotFound, from));
  if (after == snapshots.begin()) {
    return std::unexpected(BeforeOldest(from, snapshots.front().created_at));
  }
  MakeOf(slot, *std::prev(after));
  return {};
}

}  // namespace prism::branching

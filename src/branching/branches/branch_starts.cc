// How a manager starts: what was left unfinished goes, what runs is taken over.
#include <map>
#include <utility>

#include "branching/branches/branch_manager.h"
#include "branching/branches/pool_work.h"
#include "branching/branches/volume_server.h"

namespace prism::branching {

using runtime::Task;

Task<Status> BranchManager::StartHere(std::string source) {
  Status ready =
      co_await RunOnPool(workshop_.pool, [this] { return workshop_.MakeRunDirectories(); });
  CO_TRY(std::move(ready));
  Status there = co_await RunOnPool(workshop_.pool, [this] { return CheckStore(); });
  CO_TRY(std::move(there));
  Status cleared = co_await ClearUnfinished();
  CO_TRY(std::move(cleared));
  Status adopted = co_await AdoptAny(source);
  CO_TRY(std::move(adopted));
  Status taken = co_await TakeOver();
  CO_TRY(std::move(taken));
  open_ = true;
  spares_.Fill(generation_);
  tasks_.Spawn(KeepMeasuring());
  if (limits_.refresh_interval > 0) tasks_.Spawn(FollowSource(std::move(source)));
  co_return Status();
}

// A store that is not mounted is no reason to forget what is in it.
Status BranchManager::CheckStore() {
  TRY_ASSIGN(const std::vector<std::string> generations, workshop_.journal.Generations());
  TRY_ASSIGN(const std::vector<std::string> volumes, workshop_.storage.List());
  if (generations.empty() || !volumes.empty()) return {};
  return std::unexpected(
      Error(Code::kFailedPrecondition, "STORE_EMPTY",
            "the journal knows of branches, and the store has none at all: mount it, or name the "
            "right one (branching.storage.path)"));
}

// What somebody was killed over: nobody was told that it is there, or somebody that it goes. What
// can't be removed is tried again at the next start.
Task<Status> BranchManager::ClearUnfinished() {
  auto unfinished =
      co_await RunOnPool(workshop_.pool, [this] { return workshop_.journal.Unfinished(); });
  CO_TRY_ASSIGN(const std::vector<std::string> volumes, std::move(unfinished));
  for (const std::string& volume : volumes) {
    const Status removed = co_await RemoveVolume(&workshop_, volume);
    if (!removed) workshop_.logger.Failure("branch_not_cleared", removed.error());
  }
  auto swept = co_await RunOnPool(workshop_.pool, [this] { return workshop_.storage.Sweep(); });
  CO_TRY_ASSIGN(const std::size_t pieces, std::move(swept));
  if (pieces + volumes.size() > 0) {
    workshop_.logger.Info("branches_cleared", {{"volumes", volumes.size()}, {"pieces", pieces}});
  }
  co_return Status();
}

Task<Status> BranchManager::TakeOver() {
  auto listed = co_await RunOnPool(workshop_.pool, [this] { return workshop_.journal.Branches(); });
  CO_TRY_ASSIGN(std::vector<Branch> branches, std::move(listed));
  auto kept_ones =
      co_await RunOnPool(workshop_.pool, [this] { return workshop_.journal.Snapshots(); });
  CO_TRY_ASSIGN(const std::vector<Snapshot> snapshots, std::move(kept_ones));
  std::map<std::string, std::vector<Snapshot>> of_branch;
  for (const Snapshot& snapshot : snapshots) of_branch[snapshot.branch].push_back(snapshot);
  for (Branch& branch : branches) {
    std::vector<Snapshot>& kept = of_branch[branch.id];
    auto there = co_await RunOnPool(workshop_.pool, [&] { return EnsureVolume(branch, kept); });
    if (!there) {  // the others are none the worse; the next start tries again
      workshop_.logger.Failure("branch_not_found", there.error());
      continue;
    }
    const bool usable = *there;
    Status taken;
    if (usable) {
      taken = co_await TakeOverOne(std::move(branch), std::move(kept));
    } else {
      workshop_.logger.Warn("branch_lost", {{"branch", branch.name}, {"volume", branch.volume}});
      taken = co_await RemoveVolume(&workshop_, branch.volume);
    }
    CO_TRY(std::move(taken));
  }
  co_return Status();
}

// A power cut may have taken the volume, since clones are not on disk at once: what is lost of a
// branch that got other data is those, not what it had before.
Result<bool> BranchManager::EnsureVolume(const Branch& branch,
                                         const std::vector<Snapshot>& snapshots) {
  TRY_ASSIGN(const bool there, workshop_.HasVolume(branch.volume));
  if (there || snapshots.empty()) return there;
  workshop_.logger.Warn("branch_lost_and_restored",
                        {{"branch", branch.name}, {"snapshot", snapshots.back().name}});
  TRY(CloneVolume(workshop_, snapshots.back().id, branch.volume));
  return true;
}

// With its server, when that went on running while we did not.
Task<Status> BranchManager::TakeOverOne(Branch branch, std::vector<Snapshot> snapshots) {
  auto found = co_await FindServer(&workshop_, branch.volume);
  if (!found) workshop_.logger.Failure("branch_not_adopted", found.error());
  std::string name = branch.name;
  auto slot = std::make_shared<BranchSlot>(std::move(branch));
  BranchSlot& kept = *slots_.emplace(std::move(name), std::move(slot)).first->second;
  kept.snapshots = std::move(snapshots);
  if (found) kept.instance = *std::move(found);
  if (kept.instance != nullptr) BeginRunning(kept);
  ExpireWhenDue(kept);
  if (!kept.branch.deleted_at) co_return Status();
  if (kept.instance != nullptr) {
    Status stopped = co_await StopServer(&kept);
    CO_TRY(std::move(stopped));
  }
  kept.state = BranchState::kDeleted;
  RemoveLater(kept);
  co_return Status();
}

}  // namespace prism::branching

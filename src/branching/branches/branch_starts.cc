// How a manager starts: what was left unfinished goes, what runs is taken over.
#include <utility>

#include "branching/branches/branch_manager.h"
#include "branching/branches/recovery.h"
#include "branching/branches/volume_server.h"
#include "branching/instances/pool_work.h"

namespace prism::branching {

using runtime::Task;

Task<Status> BranchManager::StartHere(Source* source) {
  Status ready =
      co_await RunOnPool(workshop_.pool, [this] { return workshop_.MakeRunDirectories(); });
  CO_TRY(std::move(ready));
  Status there = co_await RunOnPool(workshop_.pool, [this] { return CheckStore(workshop_); });
  CO_TRY(std::move(there));
  co_await EndUnfinishedSources();
  auto cleared = co_await ClearUnfinished(&workshop_);
  CO_TRY(std::move(cleared));
  auto restored = co_await RestoreLost(&workshop_);
  CO_TRY(std::move(restored));
  SourceFollower& own = DefaultSource(source);
  Status begun = co_await own.BeginWithKnown();
  if (begun && !own.has_generation()) begun = co_await own.Begin();
  CO_TRY(std::move(begun));
  Status known = co_await TakeOverSources();
  CO_TRY(std::move(known));
  Status taken = co_await TakeOver();
  CO_TRY(std::move(taken));
  open_ = true;
  spares_.Fill(own.newest());
  tasks_.Spawn(KeepMeasuring());
  tasks_.Spawn(KeepLogsShort());
  for (auto& [name, slot] : sources_) slot.follower->Follow();
  co_return Status();
}

Task<Status> BranchManager::TakeOver() {
  auto read =
      co_await RunOnPool(workshop_.pool, [this] { return ReadBranches(workshop_.journal); });
  CO_TRY_ASSIGN(RecordedBranches recorded, std::move(read));
  for (Branch& branch : recorded.branches) {
    std::vector<Snapshot>& kept = recorded.snapshots[branch.id];
    co_await TakeOverOne(std::move(branch), std::move(kept));
  }
  co_return Status();
}

// With its server, when that went on running while we did not.
Task<void> BranchManager::TakeOverOne(Branch branch, std::vector<Snapshot> snapshots) {
  auto found = co_await FindServer(&workshop_, branch.volume);
  if (!found)
    workshop_.logger.Failure("branch_not_adopted", found.error(), {{"branch", branch.name}});
  std::string name = branch.name;
  auto slot = std::make_shared<BranchSlot>(std::move(branch));
  BranchSlot& kept = *slots_.emplace(std::move(name), std::move(slot)).first->second;
  kept.snapshots = std::move(snapshots);
  if (found) kept.instance = *std::move(found);
  if (kept.instance != nullptr) BeginRunning(kept);
  ExpireWhenDue(kept);
  if (!kept.branch.deleted_at) co_return;
  if (kept.instance != nullptr) {
    const Status stopped = co_await StopServer(&kept);
    if (!stopped)
      workshop_.logger.Failure("branch_not_stopped", stopped.error(),
                               {{"branch", kept.branch.name}});
  }
  kept.state = BranchState::kDeleted;
  RemoveLater(kept);
}

}  // namespace prism::branching

#include "branching/branches/recovery.h"

#include <utility>

#include "branching/branches/volume_server.h"
#include "branching/instances/pool_work.h"

namespace prism::branching {
namespace {

using runtime::Task;

using History = std::map<std::string, std::vector<Snapshot>>;

// Snapshots whose volumes are gone, which are taken out.
Result<std::vector<std::string>> TakeOutLost(const Workshop& workshop, History& snapshots) {
  std::vector<std::string> lost;
  for (auto& [branch, kept] : snapshots) {
    std::vector<Snapshot> usable;
    for (Snapshot& snapshot : kept) {
      TRY_ASSIGN(const bool there, workshop.HasVolume(snapshot.id));
      if (there) {
        usable.push_back(std::move(snapshot));
        continue;
      }
      workshop.logger.Warn("snapshot_lost", {{"snapshot", snapshot.name}, {"volume", snapshot.id}});
      lost.push_back(snapshot.id);
    }
    kept = std::move(usable);
  }
  return lost;
}

// False: it is gone, and so is what it had before.
Result<bool> EnsureVolume(const Workshop& workshop, const Branch& branch,
                          const std::vector<Snapshot>& snapshots) {
  TRY_ASSIGN(const bool there, workshop.HasVolume(branch.volume));
  if (there || snapshots.empty()) return there;
  workshop.logger.Warn("branch_lost_and_restored",
                       {{"branch", branch.name}, {"snapshot", snapshots.back().name}});
  TRY(CloneVolume(workshop, snapshots.back().id, branch.volume));
  return true;
}

// Blocks. The volumes that are gone for good.
Result<std::vector<std::string>> RestoreVolumes(const Workshop& workshop) {
  TRY_ASSIGN(RecordedBranches recorded, ReadBranches(workshop.journal));
  TRY_ASSIGN(std::vector<std::string> lost, TakeOutLost(workshop, recorded.snapshots));
  for (const Branch& branch : recorded.branches) {
    const auto usable = EnsureVolume(workshop, branch, recorded.snapshots[branch.id]);
    if (!usable) {  // the others are none the worse
      workshop.logger.Failure("branch_not_restored", usable.error(), {{"branch", branch.name}});
    } else if (!*usable) {
      workshop.logger.Warn("branch_lost", {{"branch", branch.name}, {"volume", branch.volume}});
      lost.push_back(branch.volume);
    }
  }
  return lost;
}

}  // namespace

Result<RecordedBranches> ReadBranches(Journal& journal) {
  RecordedBranches recorded;
  TRY_ASSIGN(recorded.branches, journal.Branches());
  TRY_ASSIGN(std::vector<Snapshot> snapshots, journal.Snapshots());
  for (Snapshot& snapshot : snapshots) {
    recorded.snapshots[snapshot.branch].push_back(std::move(snapshot));
  }
  return recorded;
}

Status CheckStore(const Workshop& workshop) {
  TRY_ASSIGN(const std::vector<std::string> generations, workshop.journal.Generations());
  TRY_ASSIGN(const std::vector<std::string> volumes, workshop.storage.List());
  if (generations.empty() || !volumes.empty()) return {};
  return std::unexpected(
      Error(Code::kFailedPrecondition, "STORE_EMPTY",
            "the journal knows of branches, and the store has none at all: mount it, or name the "
            "right one (branching.storage.path)"));
}

Task<Result<std::size_t>> ClearUnfinished(Workshop* workshop) {
  auto unfinished =
      co_await RunOnPool(workshop->pool, [workshop] { return workshop->journal.Unfinished(); });
  CO_TRY_ASSIGN(const std::vector<std::string> volumes, std::move(unfinished));
  for (const std::string& volume : volumes) {
    const Status removed = co_await RemoveVolume(workshop, volume);
    if (!removed) workshop->logger.Failure("branch_not_cleared", removed.error());
  }
  auto swept = co_await RunOnPool(workshop->pool, [workshop]() -> Result<std::size_t> {
    TRY(workshop->journal.ForgetUnfinishedSources());
    return workshop->storage.Sweep();
  });
  CO_TRY_ASSIGN(const std::size_t pieces, std::move(swept));
  if (pieces + volumes.size() > 0) {
    workshop->logger.Info("branches_cleared", {{"volumes", volumes.size()}, {"pieces", pieces}});
  }
  co_return pieces + volumes.size();
}

Task<Result<std::size_t>> RestoreLost(Workshop* workshop) {
  auto gone = co_await RunOnPool(workshop->pool, [workshop] { return RestoreVolumes(*workshop); });
  CO_TRY_ASSIGN(const std::vector<std::string> volumes, std::move(gone));
  for (const std::string& volume : volumes) {
    Status forgotten = co_await RemoveVolume(workshop, volume);
    CO_TRY(std::move(forgotten));
  }
  co_return volumes.size();
}

}  // namespace prism::branching

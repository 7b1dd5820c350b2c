// The branches: made when somebody wants in, run while somebody is in, stopped when nobody is.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "branching/branches/branch_slot.h"
#include "branching/branches/branch_status.h"
#include "branching/branches/quotas.h"
#include "branching/branches/source.h"
#include "branching/branches/source_follower.h"
#include "branching/branches/spares.h"
#include "branching/branches/ticket.h"
#include "branching/branches/workshop.h"
#include "branching/proxy/branch_host.h"
#include "runtime/cancel.h"
#include "runtime/shard.h"
#include "runtime/task_group.h"

namespace prism::branching {

// Of one branch, those that were taken.
inline constexpr std::size_t kMaxSnapshots = 100;
// And those that were kept since it got other data: the newest.
inline constexpr std::size_t kKeptAutomatic = 5;
// With that of the configuration.
inline constexpr std::size_t kMaxSources = 100;
// A volume that could not be removed is tried again.
inline constexpr MonoNanos kRemovalRetry = 60 * kNanosPerSecond;
// A branch whose time is over while it is started, stopped or changed.
inline constexpr MonoNanos kExpiryRetry = kNanosPerSecond;

struct BranchLimits {
  int max_branches = 500;
  OwnerLimits of_owner = {};
  // So many servers run in advance, for branches of the configuration's source that are still to be
  // named.
  std::size_t warm_pool = 0;
  // How sources are followed, each of them.
  MonoNanos refresh_interval = 0;
  int keep_generations = 1;
  // Whether clients may be in sources themselves that have a server, by their names.
  bool allow_source = false;
  // Without a connection for so long a branch's server is stopped; its data stay.
  MonoNanos idle_timeout = 15 * 60 * kNanosPerSecond;
  // For so long a deleted branch can be had back, and its name makes no other one.
  MonoNanos undo_period = 24 * 60 * 60 * kNanosPerSecond;
};

// Life cycle: construct, Start, Enter..., Stop, destroy. Thread rule: Start and Stop on a control
// thread that is no shard, and they block it; Enter on any shard; the rest on the home shard.
class BranchManager final : public BranchHost {
 public:
  // Whether clients may make a branch of that name by asking for it; any thread.
  using MayMake = std::function<bool(const EntryRequest& request)>;
  // A source that was added. Any thread but a shard, and it blocks.
  using MakeSource = std::function<Result<std::unique_ptr<Source>>(const AddedSource& added)>;

  // All outlive the manager.
  BranchManager(runtime::Shard& home, Workshop& workshop, InstanceSettings settings,
                const BranchLimits& limits, MayMake may_make);
  BranchManager(const BranchManager&) = delete;
  BranchManager& operator=(const BranchManager&) = delete;
  ~BranchManager() override;

  // Clears away what was left unfinished, and takes over the servers that run. From here on clients
  // get in. Branches begin with what was made of the source before, and it is looked at meanwhile;
  // its first generation is waited for. The source outlives the manager; those that were added are
  // made by `make`. Again when it failed.
  Status Start(Source& source, MakeSource make = {});
  // What is being copied is given up. Any thread; not after Stop.
  void Abandon();
  // Nobody gets in any more; who is in stays, and servers go on running.
  void Stop();

  // Not before Start.
  runtime::Task<Login> FindLogin(BranchName branch, std::optional<std::string> from) override;
  runtime::Task<Result<std::unique_ptr<Entrance>>> Enter(EntryRequest request,
                                                         runtime::CancelSource* cancel) override;

  // All branches, by name. Any thread but a shard.
  std::vector<BranchStatus> List();
  // Servers of the warm pool that are ready. Any thread.
  std::size_t spares() const { return spares_.size(); }
  // How often somebody was refused what would have been too much for one owner. Any thread.
  std::uint64_t refusals(Quota quota) const { return quotas_.refusals(quota); }

  // On any shard. The branch is made, not started. ALREADY_EXISTS: BRANCH_EXISTS, SOURCE_EXISTS.
  // INVALID_ARGUMENT/RESERVED_BRANCH_NAME, NOT_FOUND: PARENT_NOT_FOUND, BRANCH_DELETED (the
  // parent), ABORTED: BRANCH_BUSY (the parent), SOURCE_BUSY. RESOURCE_EXHAUSTED:
  // TOO_MANY_BRANCHES, OWNER_BRANCH_LIMIT, OWNER_DISK_LIMIT, DISK_FULL. UNAVAILABLE/BRANCH_DAMAGED:
  // the newest state of its source is, and is made again. FAILED_PRECONDITION/BRANCH_IN_USE:
  // clients are in the parent, and its storage can't clone what is being written to.
  runtime::Task<Result<BranchStatus>> Create(EntryRequest request);
  // Its server stops, its data stay for the undo period. NOT_FOUND/BRANCH_NOT_FOUND,
  // FAILED_PRECONDITION: BRANCH_PROTECTED, BRANCH_HAS_CHILDREN, BRANCH_IN_USE. ABORTED/BRANCH_BUSY.
  // What can't be removed (`purge`) is tried again later; errors of the storage.
  runtime::Task<Result<BranchStatus>> Delete(std::string name, Deletion how);
  // Its server ends, also when none runs; the next client has it started again. As Update, and
  // FAILED_PRECONDITION/BRANCH_IN_USE unless clients may be cut off (`force`).
  runtime::Task<Result<BranchStatus>> StopBranch(std::string name, bool force);
  // NOT_FOUND/BRANCH_NOT_FOUND, FAILED_PRECONDITION/BRANCH_NOT_DELETED.
  // One that had expired does not expire any more.
  runtime::Task<Result<BranchStatus>> Undelete(std::string name);
  // NOT_FOUND: BRANCH_NOT_FOUND, BRANCH_DELETED. ABORTED/BRANCH_BUSY.
  runtime::Task<Result<BranchStatus>> Update(std::string name, BranchChange change);
  // Whatever it does and whoever is in it; sessions that begin later are told the new name, and the
  // old one is free. As Update, and INVALID_ARGUMENT/RESERVED_BRANCH_NAME,
  // ALREADY_EXISTS: BRANCH_EXISTS, SOURCE_EXISTS.
  runtime::Task<Result<BranchStatus>> Rename(std::string name, BranchName to);

  // The end of what its server has printed since the branch got its data, at most `bytes` of whole
  // lines; of a source whose server Prism runs, too. Any thread but a shard.
  // NOT_FOUND/BRANCH_NOT_FOUND, BRANCH_LOG with what the system said.
  Result<std::string> ReadLog(const std::string& name, std::size_t bytes);

  // Keeps what a branch has now. An empty name is made of the time. Its clients stay in, if the
  // storage can clone what is being written to; else FAILED_PRECONDITION/BRANCH_IN_USE while there
  // are any. As Update, and INVALID_ARGUMENT/BAD_SNAPSHOT_NAME, ALREADY_EXISTS/SNAPSHOT_EXISTS,
  // RESOURCE_EXHAUSTED: TOO_MANY_SNAPSHOTS, DISK_FULL.
  runtime::Task<Result<Snapshot>> TakeSnapshot(std::string name, std::string snapshot);
  // As Update, and NOT_FOUND/SNAPSHOT_NOT_FOUND. Branches that were made of it stay.
  runtime::Task<Result<Snapshot>> DeleteSnapshot(std::string name, std::string snapshot);
  // What has been done of the copy that is made for the branch or source of that name; nothing when
  // none is, or its storage or source can't say. Any thread but a shard.
  TransferProgress Copied(const std::string& name);
  // By time. Any thread but a shard. NOT_FOUND/BRANCH_NOT_FOUND.
  Result<std::vector<Snapshot>> Snapshots(const std::string& name);
  // Puts other data in a branch: the newest of its parent, or those of a snapshot of it. What it
  // had is kept as a snapshot (`before-reset-...`), and the oldest of such goes. As Update, and
  // RESOURCE_EXHAUSTED/DISK_FULL, FAILED_PRECONDITION:
  // BRANCH_PROTECTED, BRANCH_IN_USE unless clients may be cut off (`force`). NOT_FOUND:
  // PARENT_NOT_FOUND, SNAPSHOT_NOT_FOUND.
  runtime::Task<Result<BranchStatus>> Reset(std::string name, bool force);
  runtime::Task<Result<BranchStatus>> Restore(std::string name, std::string snapshot, bool force);

  // All sources, that of the configuration first, then by name. Any thread but a shard.
  std::vector<SourceStatus> ListSources();
  // On any shard. Returns when branches can be made of it; after an error nothing of it is left but
  // a cluster that was made for it. INVALID_ARGUMENT: BAD_SOURCE_NAME, RESERVED_BRANCH_NAME.
  // ALREADY_EXISTS: BRANCH_EXISTS, SOURCE_EXISTS, SOURCE_MANAGED_ALREADY.
  // RESOURCE_EXHAUSTED/TOO_MANY_SOURCES. Errors of making it, and of PrepareGeneration.
  runtime::Task<Result<SourceStatus>> AddSource(AddedSource added);
  // On any shard. Looks at it now, and answers when new branches begin with what it has.
  // NOT_FOUND/SOURCE_NOT_FOUND, ABORTED/SOURCE_BUSY. Errors of making it, and of PrepareGeneration.
  runtime::Task<Result<SourceStatus>> RefreshSource(std::string name);
  // On any shard. Its states go, and its server ends; what it was made of stays. One that is still
  // being added is given up. NOT_FOUND/SOURCE_NOT_FOUND, FAILED_PRECONDITION: DEFAULT_SOURCE,
  // SOURCE_IN_USE while there are branches of it; deleted ones don't count when they are given up
  // (`force`). ABORTED/SOURCE_BUSY.
  runtime::Task<Result<SourceStatus>> RemoveSource(std::string name, bool force);

 private:
  friend class BranchVisit;
  friend class SourceVisit;

  // The way in for visitors that leave when the manager may have gone. Of the home shard.
  struct Door {
    BranchManager* manager;
  };

  using Slots = std::map<std::string, std::shared_ptr<BranchSlot>, std::less<>>;
  // While somebody adds or removes it others have to try again.
  struct SourceSlot {
    std::unique_ptr<SourceFollower> follower;
    SourcePhase phase = SourcePhase::kReady;
    int entering = 0;  // clients that wait for its server
  };
  using Sources = std::map<std::string, SourceSlot, std::less<>>;

  runtime::Task<Status> StartHere(Source* source);
  // Of the source of the configuration; made by the first call.
  SourceFollower& DefaultSource(Source* source);
  runtime::Task<Status> TakeOverSources();
  runtime::Task<void> EndUnfinishedSources();
  FollowRules RulesOfSources() const;
  SourceFollower::Hooks HooksOf(bool is_default);
  std::unique_ptr<SourceFollower> NewFollower(const AddedSource& added);
  Status CheckNewSource(const std::string& name) const;
  Status CheckOwnServer(const SourceFollower& follower) const;
  runtime::Task<Result<SourceStatus>> AddSourceHere(AddedSource added);
  runtime::Task<Status> MakeSourceReady(SourceSlot* slot);
  runtime::Task<Result<SourceStatus>> RefreshSourceHere(std::string name);
  runtime::Task<Result<SourceStatus>> RemoveSourceHere(std::string name, bool force);
  Status CheckSourceUnused(const std::string& name, bool force) const;
  runtime::Task<Status> DiscardBranchesOf(std::string name);
  runtime::Task<Status> DropSource(SourceSlot* slot);
  void ForgetSource(const std::string& name);
  runtime::Task<std::vector<SourceStatus>> ListSourcesHere();
  SourceStatus StatusOf(const SourceSlot& slot) const;
  // Branches can be made of it. NOT_FOUND/PARENT_NOT_FOUND, ABORTED/SOURCE_BUSY.
  Result<const SourceFollower*> UsableSource(std::string_view name) const;
  // The source that what is asked for is of, or would be.
  std::string SourceOf(const BranchName& branch, const std::optional<std::string>& from);
  std::string SourceOfOrigin(std::string_view from);
  runtime::Task<Login> FindLoginHere(std::string source);
  runtime::Task<Status> TakeOver();
  runtime::Task<void> TakeOverOne(Branch branch, std::vector<Snapshot> snapshots);
  runtime::Task<Status> StopHere();
  runtime::Task<std::vector<BranchStatus>> ListHere();

  void Admit(std::shared_ptr<Ticket> ticket, EntryRequest request);
  // nullptr: that is not asked for, or nobody may.
  SourceSlot* SourceToEnter(const EntryRequest& request);
  runtime::Task<void> EnterSource(std::shared_ptr<Ticket> ticket, SourceSlot* source);
  Result<BranchSlot*> SlotFor(const EntryRequest& request);
  Result<BranchSlot*> NewSlot(const EntryRequest& request);
  // Measures branches, one at a time, for as long as the manager runs.
  runtime::Task<void> KeepMeasuring();
  // nullptr: none is due.
  std::shared_ptr<BranchSlot> NextToMeasure();
  // Bounds what servers print, for as long as the manager runs (RunDirectory::BoundLog).
  runtime::Task<void> KeepLogsShort();
  runtime::Task<Result<std::string>> LogPathOf(std::string name);
  Status CheckQuota(const EntryRequest& request);
  OwnerUse UseOf(const std::string& owner) const;
  static std::string NewVolumeId();
  Branch NewBranch(const EntryRequest& request) const;
  // UNAVAILABLE/BRANCH_NOT_READY unless the user has logged in by a role of that source.
  static Status CheckLogin(const EntryRequest& request, const std::string& source);
  // What the branch is to be made of, written into it.
  Status ChooseOrigin(const EntryRequest& request, BranchSlot& slot);
  Status ChooseBranch(std::string_view from, BranchSlot& slot);
  Status ChooseNewest(std::string_view source, BranchSlot& slot) const;
  Status ChooseGenerationAt(std::string_view source, WallMillis time, std::string_view from,
                            BranchSlot& slot) const;
  Status ChooseSnapshot(std::string_view from, BranchSlot& slot);
  BranchSlot* FindByNameOrLabel(std::string_view text);
  // nullptr: it is not there any more.
  BranchSlot* FindById(std::string_view id);
  // A visitor has gone. `found_damage`: it was not let in for that.
  void Leave(BranchSlot& slot, bool found_damage);
  // It is damaged.
  void Distrust(std::string_view source, const std::string& generation);
  // True: that is why it can't be made or started.
  bool DistrustIfDamaged(const BranchSlot& slot, const Error& error);
  // Other data for a branch in kStarting that nobody has been in, when what it was made of is
  // damaged and there is a newer state; else nothing is done.
  runtime::Task<Status> ReplaceDamaged(BranchSlot* slot);

  runtime::Task<Result<BranchStatus>> CreateHere(EntryRequest request);
  runtime::Task<Result<BranchStatus>> DeleteHere(std::string name, Deletion how);
  // What was made of it, nearest first: those that are there, or those that are `deleted`.
  std::vector<BranchSlot*> DescendantsOf(const BranchSlot& slot, bool deleted = false);
  // Deleted ones that nobody wants back, and nobody gets back from here on.
  runtime::Task<Status> Purge(std::vector<BranchSlot*> deleted);
  // What a branch is to have instead of what it has.
  struct Replacement {
    std::string from;    // the volume to clone
    std::string reason;  // of the snapshot's name
    std::string generation;
    int major = 0;
    std::uint32_t max_prepared_transactions = 0;
    WallMillis as_of = 0;
    bool keeps_old = true;  // as a snapshot
  };
  static Replacement ByNewest(const Generation& newest);
  runtime::Task<Result<Snapshot>> TakeSnapshotHere(std::string name, std::string snapshot);
  runtime::Task<Result<Snapshot>> DeleteSnapshotHere(std::string name, std::string snapshot);
  runtime::Task<Result<std::vector<Snapshot>>> SnapshotsHere(std::string name);
  runtime::Task<Status> MakeSnapshot(BranchSlot* slot, Snapshot* snapshot, WhileStill still);
  // Of the branch as it is, not made yet.
  Snapshot NewSnapshot(const BranchSlot& slot, std::string name) const;
  // A branch is being made of it.
  bool IsBeingUsed(const Snapshot& snapshot) const;
  // From its first step on a start removes it.
  runtime::Task<Status> RemoveSnapshot(BranchSlot* slot, Snapshot gone);
  runtime::Task<void> RemoveOldAutomatic(BranchSlot* slot);
  runtime::Task<Status> ReadControl(std::string volume, Snapshot* into);
  runtime::Task<Result<BranchStatus>> ResetHere(std::string name, bool force);
  runtime::Task<Result<BranchStatus>> RestoreHere(std::string name, std::string snapshot,
                                                  bool force);
  Result<BranchSlot*> FindForReplacement(const std::string& name, bool force);
  runtime::Task<Result<BranchStatus>> Replace(BranchSlot* slot,
                                              std::function<runtime::Task<Status>()> replace);
  runtime::Task<Status> ReplaceByParent(BranchSlot* slot, BranchSlot* parent);
  runtime::Task<Status> MakeReplacement(BranchSlot* slot, Replacement with, WhileStill still = {});
  static Status CheckDeletable(const BranchSlot& slot, bool force);
  runtime::Task<Status> DeleteAll(std::vector<BranchSlot*> slots);
  runtime::Task<Result<BranchStatus>> StopBranchHere(std::string name, bool force);
  runtime::Task<Result<BranchStatus>> UndeleteHere(std::string name);
  runtime::Task<Result<BranchStatus>> UpdateHere(std::string name, BranchChange change);
  runtime::Task<Result<BranchStatus>> RenameHere(std::string name, BranchName to);
  runtime::Task<Status> Rewrite(BranchSlot* slot, Branch branch);
  Result<BranchSlot*> Find(const std::string& name);
  // One that is there for long and that nobody else changes.
  Result<BranchSlot*> FindForChange(const std::string& name);
  Status CheckNewName(const std::string& name) const;
  // ALREADY_EXISTS/BRANCH_EXISTS.
  Status CheckNameIsFree(const std::string& name) const;
  void ExpireWhenDue(BranchSlot& slot);
  void ExpireAfter(BranchSlot& slot, MonoNanos time);
  runtime::Task<void> Expire(BranchSlot* slot);
  BranchStatus StatusOf(const BranchSlot& slot) const;
  std::string SourceLsnOf(const Branch& branch) const;
  runtime::Task<Status> StopServer(BranchSlot* slot);
  void RemoveLater(BranchSlot& slot);
  void DiscardAfter(BranchSlot& slot, MonoNanos time);
  runtime::Task<void> DiscardWhenDue(BranchSlot* slot);
  // Tried again later when it fails; else there is no slot any more.
  runtime::Task<Status> Discard(BranchSlot* slot);
  runtime::Task<void> Make(BranchSlot* slot);
  runtime::Task<Status> NameSpare(BranchSlot* slot);
  void NoteMade(const BranchSlot& slot);
  runtime::Task<Status> Found(BranchSlot* slot);
  runtime::Task<Status> MakeVolume(BranchSlot* slot);
  runtime::Task<Status> MakeFromBranch(BranchSlot* slot);
  // `still`: of a volume in use.
  runtime::Task<Status> MakeFrom(BranchSlot* slot, std::string volume, WhileStill still);
  // Of data for the slot, until the manager stops. Blocks.
  Status CloneFor(BranchSlot* slot, const std::string& from, const std::string& to,
                  const WhileStill& still);
  runtime::Task<TransferProgress> CopiedHere(std::string name);
  // How its volume can be cloned until LetGo: both empty, just so.
  struct Stillness {
    bool stopped = false;  // no server runs
    WhileStill pause;      // while this lets it not
  };
  runtime::Task<void> ShortenReplay(BranchSlot* slot);
  runtime::Task<Result<Stillness>> HoldStill(BranchSlot* slot);
  void LetGo(BranchSlot& slot, const Stillness& still);
  runtime::Task<void> Wake(BranchSlot* slot);
  runtime::Task<Status> StartServer(BranchSlot* slot);
  runtime::Task<void> Watch(BranchSlot* slot);
  runtime::Task<void> Rest(BranchSlot* slot);
  void BeginRunning(BranchSlot& slot);
  void GoOn(BranchSlot& slot);
  void Welcome(BranchSlot& slot);
  static void TurnAway(BranchSlot& slot, const Error& error);
  void RestWhenIdle(BranchSlot& slot);
  void Settle(BranchSlot& slot);

  runtime::Shard& home_;
  Workshop& workshop_;
  const InstanceSettings settings_;
  const BranchLimits limits_;
  const MayMake may_make_;
  const std::shared_ptr<Door> door_;
  MakeSource make_source_;
  Sources sources_;
  std::atomic<const SourceFollower*> default_source_ = nullptr;  // from Start on
  std::atomic<bool> has_added_sources_ = false;
  Slots slots_;
  Spares spares_;
  Quotas quotas_;
  runtime::TaskGroup tasks_;
  runtime::CancelSource cancel_;
  std::atomic<bool> stopping_ = false;
  bool open_ = false;
  bool stopped_ = false;
};

}  // namespace prism::branching

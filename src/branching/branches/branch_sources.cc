// What branches are made of in the end: sources, added and removed while branches are served.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "branching/branches/branch_errors.h"
#include "branching/branches/branch_manager.h"
#include "branching/branches/on_shard.h"
#include "branching/branches/volume_server.h"
#include "branching/instances/pool_work.h"
#include "branching/pgwire/refusal.h"
#include "runtime/sync_wait.h"

namespace prism::branching {

using runtime::Task;

namespace {

bool IsPlainName(const std::string& name) {
  const auto plain = BranchName::From(name);
  return plain && plain->name() == name;
}

}  // namespace

FollowRules BranchManager::RulesOfSources() const {
  return {.refresh_interval = limits_.refresh_interval,
          .keep_generations = limits_.keep_generations};
}

SourceFollower::Hooks BranchManager::HooksOf(bool is_default) {
  return {.is_chosen =
              [this](std::string_view generation) {
                return std::ranges::any_of(slots_, [generation](const auto& slot) {
                  return slot.second->branch.generation == generation;
                });
              },
          .on_newer =
              [this, is_default] {
                if (is_default && open_) spares_.Fill(default_source_.load()->newest());
              }};
}

SourceFollower& BranchManager::DefaultSource(Source* source) {
  SourceSlot& slot = sources_[std::string(kSourceName)];
  if (slot.follower == nullptr) {
    slot.follower = std::make_unique<SourceFollower>(home_, workshop_, std::string(kSourceName),
                                                     *source, RulesOfSources(), HooksOf(true));
    if (stopping_.load()) slot.follower->Abandon();
    default_source_.store(slot.follower.get());
  }
  return *slot.follower;
}

std::unique_ptr<SourceFollower> BranchManager::NewFollower(const AddedSource& added) {
  auto follower = std::make_unique<SourceFollower>(
      home_, workshop_, added, [this, added] { return make_source_(added); }, RulesOfSources(),
      HooksOf(false));
  if (stopping_.load()) follower->Abandon();
  return follower;
}

// With what was made of them before: they are looked at later, so that none keeps clients waiting.
Task<Status> BranchManager::TakeOverSources() {
  auto read = co_await RunOnPool(workshop_.pool, [this] { return workshop_.journal.Sources(); });
  CO_TRY_ASSIGN(const std::vector<AddedSource> all, std::move(read));
  for (const AddedSource& added : all) {
    SourceSlot& slot = sources_[added.name];
    if (slot.follower == nullptr) slot.follower = NewFollower(added);
    Status begun = co_await slot.follower->BeginWithKnown();
    CO_TRY(std::move(begun));
  }
  has_added_sources_.store(!all.empty());
  co_return Status();
}

// Whose servers somebody was killed over. The rest of them goes with what is unfinished.
Task<void> BranchManager::EndUnfinishedSources() {
  const auto unfinished =
      co_await RunOnPool(workshop_.pool, [this] { return workshop_.journal.UnfinishedSources(); });
  if (!unfinished) co_return workshop_.logger.Failure("sources_not_read", unfinished.error());
  for (const AddedSource& added : *unfinished) {
    auto made = co_await RunOnPool(workshop_.pool, [&] { return make_source_(added); });
    Status ended = made ? co_await (*made)->End() : std::unexpected(made.error());
    if (!ended) workshop_.logger.Failure("source_not_ended", ended.error());
  }
}

std::vector<SourceStatus> BranchManager::ListSources() {
  return runtime::RunOn(home_, [this] { return ListSourcesHere(); });
}

Task<std::vector<SourceStatus>> BranchManager::ListSourcesHere() {
  std::vector<SourceStatus> list;
  for (const auto& [name, slot] : sources_) {
    list.insert(name == kSourceName ? list.begin() : list.end(), StatusOf(slot));
  }
  co_return list;
}

SourceStatus BranchManager::StatusOf(const SourceSlot& slot) const {
  const SourceFollower& follower = *slot.follower;
  SourceStatus status{.source = follower.added(),
                      .phase = slot.phase,
                      .newest = {},
                      .usage = follower.usage(),
                      .failure = follower.failure(),
                      .failed_at = follower.failed_at()};
  if (follower.has_generation()) status.newest = follower.newest();
  if (slot.phase == SourcePhase::kReady && follower.refreshing()) {
    status.phase = SourcePhase::kRefreshing;
  }
  status.branches = static_cast<int>(std::ranges::count_if(slots_, [&](const auto& one) {
    return one.second->branch.source == follower.name() && one.first == one.second->branch.name;
  }));
  return status;
}

Result<const SourceFollower*> BranchManager::UsableSource(std::string_view name) const {
  const auto it = sources_.find(name);
  if (it == sources_.end()) return std::unexpected(Refuse(Refusal::kParentNotFound, name));
  const SourceSlot& slot = it->second;
  if (slot.phase == SourcePhase::kReady && slot.follower->has_generation()) {
    return slot.follower.get();
  }
  return std::unexpected(SourceBusy(std::string(name)));
}

Task<Login> BranchManager::FindLogin(BranchName branch, std::optional<std::string> from) {
  if (!has_added_sources_.load()) {
    co_return Login{.source = std::string(kSourceName), .roles = default_source_.load()->roles()};
  }
  co_return co_await OnShard(home_, tasks_, [&] { return FindLoginHere(SourceOf(branch, from)); });
}

// Without roles of its own yet, nothing of it can be entered.
Task<Login> BranchManager::FindLoginHere(std::string source) {
  const auto it = sources_.find(source);
  auto roles = it == sources_.end() ? nullptr : it->second.follower->roles();
  if (roles != nullptr) co_return Login{.source = std::move(source), .roles = std::move(roles)};
  co_return Login{.source = std::string(kSourceName), .roles = default_source_.load()->roles()};
}

Task<Result<SourceStatus>> BranchManager::AddSource(AddedSource added) {
  co_return co_await OnShard(home_, tasks_, [this, &added] { return AddSourceHere(added); });
}

Status BranchManager::CheckNewSource(const std::string& name) const {
  if (!open_) return std::unexpected(Refuse(Refusal::kShuttingDown));
  if (!IsPlainName(name)) return std::unexpected(BadSourceName(name));
  TRY(CheckNewName(name));
  TRY(CheckNameIsFree(name));
  if (sources_.size() < kMaxSources) return {};
  return std::unexpected(TooManySources(kMaxSources));
}

// The name is taken from here on.
Task<Result<SourceStatus>> BranchManager::AddSourceHere(AddedSource added) {
  const std::string name = added.name;
  CO_TRY(CheckNewSource(name));
  added.created_at = workshop_.clock.Now();
  SourceSlot& slot = sources_[name];
  slot.phase = SourcePhase::kPreparing;
  slot.follower = NewFollower(added);
  has_added_sources_.store(true);
  Status usable = co_await slot.follower->EnsureSource();
  if (usable) usable = CheckOwnServer(*slot.follower);
  if (!usable) {
    ForgetSource(name);
    co_return std::unexpected(std::move(usable).error());
  }
  Status ready = co_await MakeSourceReady(&slot);
  if (ready) {
    slot.phase = SourcePhase::kReady;
    slot.follower->Follow();
    workshop_.logger.Info("source_added", {{"source", name}, {"path", added.path}});
    co_return StatusOf(slot);
  }
  workshop_.logger.Failure("source_not_added", ready.error());
  slot.phase = SourcePhase::kRemoving;
  const Status dropped = co_await DropSource(&slot);
  if (!dropped) workshop_.logger.Failure("source_not_removed", dropped.error());
  co_return std::unexpected(std::move(ready).error());
}

// The row first: what is made of the source is of it.
Task<Status> BranchManager::MakeSourceReady(SourceSlot* slot) {
  SourceFollower& follower = *slot->follower;
  Status begun = co_await RunOnPool(workshop_.pool, [&]() -> Status {
    TRY(workshop_.journal.BeginSource(follower.added()));
    workshop_.After("source-begun");
    return {};
  });
  CO_TRY(std::move(begun));
  Status prepared = co_await follower.Begin();
  CO_TRY(std::move(prepared));
  co_return co_await RunOnPool(workshop_.pool, [&]() -> Status {
    TRY(workshop_.journal.CompleteSource(follower.name()));
    workshop_.After("source-there");
    return {};
  });
}

// Two that run the same server would end each other's.
Status BranchManager::CheckOwnServer(const SourceFollower& follower) const {
  if (follower.server() == nullptr) return {};
  for (const auto& [name, slot] : sources_) {
    const Source* other = slot.follower->source();
    if (slot.follower.get() == &follower || other == nullptr) continue;
    if (other->name() == follower.source()->name()) {
      return std::unexpected(ManagedAlready(follower.added().path, name));
    }
  }
  return {};
}

Task<Result<SourceStatus>> BranchManager::RefreshSource(std::string name) {
  co_return co_await OnShard(home_, tasks_, [this, &name] { return RefreshSourceHere(name); });
}

Task<Result<SourceStatus>> BranchManager::RefreshSourceHere(std::string name) {
  if (!open_) co_return std::unexpected(Refuse(Refusal::kShuttingDown));
  const auto it = sources_.find(name);
  if (it == sources_.end()) co_return std::unexpected(NoSource(name));
  if (it->second.phase != SourcePhase::kReady) co_return std::unexpected(SourceBusy(name));
  Status looked = co_await it->second.follower->RefreshNow();
  CO_TRY(std::move(looked));
  const auto still = sources_.find(name);
  if (still == sources_.end()) co_return std::unexpected(NoSource(name));
  co_return StatusOf(still->second);
}

Task<Result<SourceStatus>> BranchManager::RemoveSource(std::string name, bool force) {
  co_return co_await OnShard(home_, tasks_,
                             [this, &name, force] { return RemoveSourceHere(name, force); });
}

Status BranchManager::CheckSourceUnused(const std::string& name, bool force) const {
  for (const auto& [branch_name, slot] : slots_) {
    const Branch& branch = slot->branch;
    if (branch.source != name) continue;
    if (!branch.deleted_at) return std::unexpected(SourceInUse(name, branch.name));
    if (!force) return std::unexpected(SourceKept(name, branch.name));
    if (slot->state != BranchState::kDeleted) return std::unexpected(Busy(branch.name));
  }
  return {};
}

Task<Result<SourceStatus>> BranchManager::RemoveSourceHere(std::string name, bool force) {
  if (!open_) co_return std::unexpected(Refuse(Refusal::kShuttingDown));
  if (name == kSourceName) co_return std::unexpected(IsDefaultSource());
  const auto it = sources_.find(name);
  if (it == sources_.end()) co_return std::unexpected(NoSource(name));
  SourceSlot& slot = it->second;
  if (slot.phase == SourcePhase::kPreparing) {
    slot.follower->Abandon();  // whoever adds it removes it
    co_return StatusOf(slot);
  }
  if (slot.phase != SourcePhase::kReady || slot.entering > 0) {
    co_return std::unexpected(SourceBusy(name));
  }
  CO_TRY(CheckSourceUnused(name, force));
  slot.phase = SourcePhase::kRemoving;
  SourceStatus status = StatusOf(slot);
  Status dropped = co_await DiscardBranchesOf(name);
  if (dropped) dropped = co_await DropSource(&slot);
  if (!dropped && sources_.contains(name)) slot.phase = SourcePhase::kReady;
  CO_TRY(std::move(dropped));
  co_return status;
}

Task<Status> BranchManager::DiscardBranchesOf(std::string name) {
  std::vector<BranchSlot*> deleted;
  for (const auto& [branch_name, slot] : slots_) {
    if (slot->branch.source == name) deleted.push_back(slot.get());
  }
  co_return co_await Purge(std::move(deleted));
}

// From the row on it goes, sooner or later: what can't be removed now goes with the next start.
Task<Status> BranchManager::DropSource(SourceSlot* slot) {
  const std::string name = slot->follower->name();
  auto begun = co_await RunOnPool(workshop_.pool, [&]() -> Result<std::vector<std::string>> {
    TRY_ASSIGN(std::vector<std::string> volumes, workshop_.journal.BeginSourceRemoval(name));
    workshop_.After("source-removing");
    return volumes;
  });
  CO_TRY_ASSIGN(const std::vector<std::string> volumes, std::move(begun));
  co_await slot->follower->Stop();
  Status removed;
  if (Source* source = slot->follower->source()) removed = co_await source->End();
  for (const std::string& volume : volumes) {
    if (removed) removed = co_await RemoveVolume(&workshop_, volume);
  }
  if (removed) {
    removed = co_await RunOnPool(workshop_.pool, [&]() -> Status {
      TRY(workshop_.journal.ForgetSource(name));
      workshop_.After("source-gone");
      return {};
    });
  }
  if (!removed) {
    workshop_.logger.Failure("source_not_removed", removed.error());
    co_return Status();
  }
  workshop_.logger.Info("source_removed", {{"source", name}});
  ForgetSource(name);
  co_return Status();
}

void BranchManager::ForgetSource(const std::string& name) {
  sources_.erase(name);
  has_added_sources_.store(sources_.size() > 1);
}

}  // namespace prism::branching

#include "branching/branches/branch_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/ids.h"
#include "base/strings.h"
#include "branching/branches/generation.h"
#include "branching/branches/pool_work.h"
#include "branching/pgwire/refusal.h"
#include "runtime/sync_wait.h"

namespace prism::branching {

using runtime::Task;

namespace {

// What the template is called where branches are named.
constexpr std::string_view kSource = "source";

Error NoTtl() {
  return Error(Code::kUnimplemented, "BRANCH_TTL_UNSUPPORTED",
               "branches don't expire yet: leave prism.ttl out, and delete the branch");
}

Error Gone(const std::string& branch) {
  return Error(Code::kUnavailable, "SERVER_GONE",
               fmt::format("the server of branch \"{}\" ended while it was being found", branch));
}

// What went wrong inside is in the log.
Error ForClient(const Error& error, const std::string& branch) {
  if (error.reason() == "DISK_FULL") return Refuse(Refusal::kDiskFull);
  if (error.code() == Code::kAlreadyExists) return Refuse(Refusal::kBranchNameTaken, branch);
  return Refuse(Refusal::kBranchNotReady, branch);
}

// RFC 3339 in UTC, to the second.
std::string TimeText(WallMillis time) { return telemetry::FormatTime(time / 1000 * 1000); }

}  // namespace

// A client inside. On its own shard, but for the way in and out.
class BranchVisit final : public Entrance {
 public:
  BranchVisit(runtime::Shard& home, std::shared_ptr<BranchManager::Door> door, const Branch& branch,
              std::string socket_path, std::vector<std::string> notices)
      : home_(home),
        door_(std::move(door)),
        name_(branch.name),
        id_(branch.id),
        socket_path_(std::move(socket_path)),
        notices_(std::move(notices)) {}
  ~BranchVisit() override {
    home_.Post([door = std::move(door_), name = std::move(name_), id = std::move(id_)] {
      if (door->manager != nullptr) door->manager->Leave(name, id);
    });
  }
  const std::string& socket_path() const override { return socket_path_; }
  const std::vector<std::string>& notices() const override { return notices_; }

 private:
  runtime::Shard& home_;
  std::shared_ptr<BranchManager::Door> door_;
  std::string name_;
  std::string id_;
  const std::string socket_path_;
  const std::vector<std::string> notices_;
};

BranchManager::BranchManager(runtime::Shard& home, Workshop& workshop, InstanceSettings settings,
                             const BranchLimits& limits, MayMake may_make)
    : home_(home),
      workshop_(workshop),
      settings_(std::move(settings)),
      limits_(limits),
      may_make_(std::move(may_make)),
      door_(std::make_shared<Door>(this)) {}

BranchManager::~BranchManager() { Stop(); }

Status BranchManager::Start(const std::string& source) {
  return runtime::RunOn(home_, [&] { return StartHere(source); });
}

void BranchManager::Stop() {
  if (std::exchange(stopped_, true)) return;
  const Status noted = runtime::RunOn(home_, [&] { return StopHere(); });
  if (!noted) workshop_.logger.Failure("branch_activity_not_noted", noted.error());
}

Task<Status> BranchManager::StartHere(std::string source) {
  Status ready =
      co_await RunOnPool(workshop_.pool, [this] { return workshop_.MakeRunDirectories(); });
  CO_TRY(std::move(ready));
  Status there = co_await RunOnPool(workshop_.pool, [this] { return CheckStore(); });
  CO_TRY(std::move(there));
  Status cleared = co_await ClearUnfinished();
  CO_TRY(std::move(cleared));
  auto prepared = co_await PrepareGeneration(&workshop_, std::move(source));
  CO_TRY_ASSIGN(generation_, std::move(prepared));
  Status tidied = co_await RemoveUnusedGenerations();
  CO_TRY(std::move(tidied));
  auto loaded = co_await RunOnPool(workshop_.pool, [this] { return LoadRoles(generation_); });
  CO_TRY(std::move(loaded));
  Status taken = co_await TakeOver();
  CO_TRY(std::move(taken));
  open_ = true;
  co_return Status();
}

// Who waits is turned away; who is in stays, and so do the servers.
Task<Status> BranchManager::StopHere() {
  open_ = false;
  cancel_.Cancel(runtime::CancelReason::kShutdown);
  for (auto& [name, slot] : slots_) {
    TurnAway(*slot, Refuse(Refusal::kShuttingDown));
    slot->idle.reset();
    slot->watch.Cancel(runtime::CancelReason::kShutdown);
  }
  co_await tasks_.Join();
  for (auto& [name, slot] : slots_) co_await slot->watching.Join();
  std::vector<std::pair<std::string, WallMillis>> used;
  for (const auto& [name, slot] : slots_) {
    used.emplace_back(slot->branch.id, StatusOf(*slot).last_activity);
  }
  auto noted = co_await RunOnPool(workshop_.pool, [&]() -> Status {
    for (const auto& [id, at] : used) TRY(workshop_.journal.NoteActivity(id, at));
    return {};
  });
  door_->manager = nullptr;
  slots_.clear();
  co_return noted;
}

Status BranchManager::LoadRoles(const Generation& generation) {
  TRY_ASSIGN(const std::vector<StoredRole> stored, workshop_.journal.Roles(generation.id));
  TRY_ASSIGN(std::string secret, workshop_.journal.LoginSecret());
  std::map<std::string, Role, std::less<>> roles;
  for (const StoredRole& role : stored) {
    TRY_ASSIGN(StoredPassword password, ParseStoredPassword(role.password));
    roles[role.name] = {.password = std::move(password),
                        .may_login = role.may_login,
                        .valid_until = role.valid_until};
  }
  roles_ = std::make_shared<const Roles>(std::move(roles), std::move(secret));
  return {};
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
    const Status removed = co_await Remove(volume);
    if (!removed) workshop_.logger.Failure("branch_not_cleared", removed.error());
  }
  auto swept = co_await RunOnPool(workshop_.pool, [this] { return workshop_.storage.Sweep(); });
  CO_TRY_ASSIGN(const std::size_t pieces, std::move(swept));
  if (pieces + volumes.size() > 0) {
    workshop_.logger.Info("branches_cleared", {{"volumes", volumes.size()}, {"pieces", pieces}});
  }
  co_return Status();
}

// Server first, then volume, then the row: each step may be the last.
Task<Status> BranchManager::Remove(std::string volume) {
  auto found = co_await FindServer(volume);
  CO_TRY_ASSIGN(const std::unique_ptr<Instance> instance, std::move(found));
  if (instance != nullptr) {
    auto stopped = co_await instance->Stop({});
    CO_TRY(std::move(stopped));
  }
  auto removed = co_await RunOnPool(workshop_.pool, [&]() -> Status {
    workshop_.After("removal-stopped");
    TRY(workshop_.storage.Delete(volume));
    workshop_.After("removal-deleted");
    TRY(workshop_.RemoveRunDirectory(volume));
    return workshop_.journal.Forget(volume);
  });
  co_return removed;
}

// nullptr: none runs.
Task<Result<std::unique_ptr<Instance>>> BranchManager::FindServer(std::string volume) {
  const std::string run = workshop_.RunDirectoryOf(volume);
  auto found = co_await workshop_.runtime.Find(run);
  CO_TRY_ASSIGN(const std::optional<InstanceIdentity> identity, std::move(found));
  if (!identity) co_return nullptr;
  co_return co_await workshop_.runtime.Adopt(run, *identity);
}

Task<Status> BranchManager::RemoveUnusedGenerations() {
  auto listed = co_await RunOnPool(
      workshop_.pool, [this] { return workshop_.journal.UnusedGenerations(generation_.id); });
  CO_TRY_ASSIGN(const std::vector<std::string> unused, std::move(listed));
  for (const std::string& generation : unused) {
    Status removed = co_await RunOnPool(workshop_.pool,
                                        [&] { return workshop_.journal.BeginRemoval(generation); });
    if (removed) removed = co_await Remove(generation);
    if (!removed) workshop_.logger.Failure("generation_not_removed", removed.error());
  }
  co_return Status();
}

Task<Status> BranchManager::TakeOver() {
  auto listed = co_await RunOnPool(workshop_.pool, [this] { return workshop_.journal.Branches(); });
  CO_TRY_ASSIGN(std::vector<Branch> branches, std::move(listed));
  for (Branch& branch : branches) {
    auto there = co_await RunOnPool(workshop_.pool, [&] { return workshop_.HasVolume(branch.id); });
    CO_TRY_ASSIGN(const bool usable, std::move(there));
    Status taken;
    if (usable) {
      taken = co_await TakeOverOne(std::move(branch));
    } else {
      workshop_.logger.Warn("branch_lost", {{"branch", branch.name}, {"volume", branch.id}});
      taken = co_await Remove(branch.id);
    }
    CO_TRY(std::move(taken));
  }
  co_return Status();
}

// With its server, when that went on running while we did not.
Task<Status> BranchManager::TakeOverOne(Branch branch) {
  auto found = co_await FindServer(branch.id);
  if (!found) workshop_.logger.Failure("branch_not_adopted", found.error());
  std::string name = branch.name;
  auto slot = std::make_unique<BranchSlot>(std::move(branch));
  BranchSlot& kept = *slots_.emplace(std::move(name), std::move(slot)).first->second;
  if (found) kept.instance = *std::move(found);
  if (kept.instance != nullptr) BeginRunning(kept);
  if (!kept.branch.deleted_at) co_return Status();
  if (kept.instance != nullptr) {
    Status stopped = co_await StopServer(&kept);
    CO_TRY(std::move(stopped));
  }
  kept.state = BranchState::kDeleted;
  RemoveLater(kept);
  co_return Status();
}

Task<Result<std::unique_ptr<Entrance>>> BranchManager::Enter(EntryRequest request,
                                                             runtime::CancelSource* cancel) {
  auto ticket = std::make_shared<Ticket>(*runtime::Shard::Current());
  home_.Post([this, ticket, request = std::move(request)]() mutable {
    Admit(std::move(ticket), std::move(request));
  });
  co_return co_await ticket->Wait(cancel);
}

void BranchManager::Admit(std::shared_ptr<Ticket> ticket, EntryRequest request) {
  const bool fresh = !slots_.contains(request.branch.name());
  auto found = SlotFor(request);
  if (!found) return ticket->Resolve(std::unexpected(std::move(found).error()));
  BranchSlot& slot = **found;
  slot.waiting.push_back(std::move(ticket));
  if (fresh) return tasks_.Spawn(Make(&slot));
  if (slot.state == BranchState::kRunning) Welcome(slot);
  if (slot.state == BranchState::kStopped) tasks_.Spawn(Wake(&slot));
}

Result<BranchSlot*> BranchManager::SlotFor(const EntryRequest& request) {
  if (!open_) return std::unexpected(Refuse(Refusal::kShuttingDown));
  const std::string& name = request.branch.name();
  const auto it = slots_.find(name);
  if (it == slots_.end()) {
    if (!may_make_(request)) return std::unexpected(Refuse(Refusal::kCreationNotAllowed, name));
    TRY_ASSIGN(BranchSlot* const slot, NewSlot(request));
    slot->is_new = true;
    return slot;
  }
  BranchSlot& slot = *it->second;
  if (!request.branch.Means(slot.branch.name, slot.branch.label)) {
    return std::unexpected(Refuse(Refusal::kBranchNameTaken, name));
  }
  if (slot.state == BranchState::kDeleted || slot.state == BranchState::kRemoving) {
    return std::unexpected(Refuse(Refusal::kBranchDeleted, name));
  }
  return &slot;
}

// In kMaking.
Result<BranchSlot*> BranchManager::NewSlot(const EntryRequest& request) {
  const std::string& name = request.branch.name();
  if (IsReservedBranchName(name)) {
    return std::unexpected(Refuse(Refusal::kReservedBranchName, name));
  }
  if (request.from && *request.from != kSource) {
    return std::unexpected(Refuse(Refusal::kParentNotFound, *request.from));
  }
  if (request.ttl) return std::unexpected(NoTtl());
  const auto counts = [](const auto& slot) { return !slot.second->branch.deleted_at.has_value(); };
  if (std::ranges::count_if(slots_, counts) >= limits_.max_branches) {
    return std::unexpected(Refuse(Refusal::kTooManyBranches));
  }
  auto slot = std::make_unique<BranchSlot>(NewBranch(request));
  slot->state = BranchState::kMaking;
  return slots_.emplace(name, std::move(slot)).first->second.get();
}

Branch BranchManager::NewBranch(const EntryRequest& request) const {
  const WallMillis now = workshop_.clock.Now();
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
          .deleted_at = {}};
}

Task<void> BranchManager::Make(BranchSlot* slot) {
  const Status made = co_await Found(slot);
  if (made) Settle(*slot);
}

// What follows kMaking is left to the caller, unless there is no slot any more.
Task<Status> BranchManager::Found(BranchSlot* slot) {
  Status made = co_await MakeVolume(slot);
  if (made) {
    workshop_.logger.Info("branch_made", {{"branch", slot->branch.name},
                                          {"volume", slot->branch.id},
                                          {"user", slot->branch.created_by}});
    co_return made;
  }
  workshop_.logger.Failure("branch_not_made", made.error());
  const Status removed = co_await Remove(slot->branch.id);
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

Task<void> BranchManager::Wake(BranchSlot* slot) {
  slot->state = BranchState::kStarting;
  Status started = co_await StartServer(slot);
  if (started) {
    BeginRunning(*slot);
    co_return;
  }
  slot->state = BranchState::kStopped;
  workshop_.logger.Failure("branch_not_started", started.error());
  TurnAway(*slot, open_ ? Refuse(Refusal::kBranchWontStart, slot->branch.name)
                        : Refuse(Refusal::kShuttingDown));
}

Task<Status> BranchManager::StartServer(BranchSlot* slot) {
  CO_TRY_ASSIGN(const std::string volume, workshop_.storage.Path(slot->branch.id));
  CO_TRY_ASSIGN(PostgresBinaries binaries, workshop_.servers.ForMajor(slot->branch.major));
  InstanceSpec spec{.volume = volume,
                    .data_directory = volume,
                    .run_directory = workshop_.RunDirectoryOf(slot->branch.id),
                    .binaries = std::move(binaries),
                    .settings = settings_};
  spec.settings.max_prepared_transactions = slot->branch.max_prepared_transactions;
  spec.settings.branch = slot->branch.name;
  spec.settings.parent = slot->branch.parent;
  spec.settings.as_of = TimeText(slot->branch.as_of);
  auto started = co_await workshop_.runtime.Start(
      std::move(spec), MonotonicNow() + workshop_.start_timeout, &cancel_);
  // One of ours that we had lost sight of.
  if (!started && started.error().reason() == "INSTANCE_RUNNING") {
    started = co_await FindServer(slot->branch.id);
    if (started && *started == nullptr) started = std::unexpected(Gone(slot->branch.name));
  }
  CO_TRY_ASSIGN(slot->instance, std::move(started));
  workshop_.After("server-started");
  co_return Status();
}

void BranchManager::BeginRunning(BranchSlot& slot) {
  slot.state = BranchState::kRunning;
  if (cancel_.cancelled()) return;
  Welcome(slot);
  RestWhenIdle(slot);
  slot.watch.Reset();
  slot.watching.Spawn(Watch(&slot));  // it may have ended already
}

// Until the server has ended by itself.
Task<void> BranchManager::Watch(BranchSlot* slot) {
  const auto ended = co_await slot->instance->WaitForEnd(runtime::kNoDeadline, &slot->watch);
  if (!ended || slot->state != BranchState::kRunning) co_return;
  workshop_.logger.Warn("branch_server_ended", {{"branch", slot->branch.name}, {"how", *ended}});
  slot->instance.reset();
  slot->state = BranchState::kStopped;
}

void BranchManager::Welcome(BranchSlot& slot) {
  slot.idle.reset();
  for (const auto& ticket : std::exchange(slot.waiting, {})) {
    std::vector<std::string> notices;
    if (std::exchange(slot.is_new, false)) {
      notices.push_back(fmt::format("created {} from {} as of {}", slot.branch.name,
                                    slot.branch.parent, TimeText(slot.branch.as_of)));
    }
    ++slot.inside;
    ticket->Resolve(std::make_unique<BranchVisit>(
        home_, door_, slot.branch, slot.instance->socket_path(), std::move(notices)));
  }
}

void BranchManager::TurnAway(BranchSlot& slot, const Error& error) {
  for (const auto& ticket : std::exchange(slot.waiting, {})) {
    ticket->Resolve(std::unexpected(error));
  }
}

void BranchManager::Leave(const std::string& name, const std::string& id) {
  const auto it = slots_.find(name);
  if (it == slots_.end() || it->second->branch.id != id) return;  // removed since
  BranchSlot& slot = *it->second;
  slot.branch.last_activity = workshop_.clock.Now();
  --slot.inside;
  RestWhenIdle(slot);
}

// Data stay; who comes meanwhile waits until the server can be started again.
Task<void> BranchManager::Rest(BranchSlot* slot) {
  const Status stopped = co_await StopServer(slot);
  if (!stopped) workshop_.logger.Failure("branch_not_stopped", stopped.error());
  workshop_.logger.Info("branch_stopped", {{"branch", slot->branch.name}});
  Settle(*slot);
}

// No server runs; who has come meanwhile has it started again.
void BranchManager::Settle(BranchSlot& slot) {
  slot.state = BranchState::kStopped;
  if (!slot.waiting.empty()) tasks_.Spawn(Wake(&slot));
}

// From kRunning to the end of kStopping.
Task<Status> BranchManager::StopServer(BranchSlot* slot) {
  slot->state = BranchState::kStopping;
  slot->idle.reset();
  slot->watch.Cancel(runtime::CancelReason::kReconfigured);
  co_await slot->watching.Join();
  auto stopped = co_await slot->instance->Stop({});
  workshop_.After("server-stopped");
  slot->instance.reset();
  CO_TRY(std::move(stopped));
  co_return co_await RunOnPool(workshop_.pool,
                               [this, id = slot->branch.id, at = slot->branch.last_activity] {
                                 return workshop_.journal.NoteActivity(id, at);
                               });
}

void BranchManager::RestWhenIdle(BranchSlot& slot) {
  if (slot.state != BranchState::kRunning || slot.inside > 0 || cancel_.cancelled()) return;
  // The task takes the timer away while it runs: nothing may follow.
  slot.idle = std::make_unique<BranchSlot::IdleTimer>([this, &slot] {
    if (slot.state == BranchState::kRunning && slot.inside == 0) tasks_.Spawn(Rest(&slot));
  });
  home_.ArmTimerAt(*slot.idle, MonotonicNow() + limits_.idle_timeout);
}

Result<BranchSlot*> BranchManager::Find(const std::string& name) {
  if (!open_) return std::unexpected(Refuse(Refusal::kShuttingDown));
  const auto it = slots_.find(name);
  if (it == slots_.end()) return std::unexpected(Refuse(Refusal::kBranchNotFound, name));
  return it->second.get();
}

BranchStatus BranchManager::StatusOf(const BranchSlot& slot) const {
  return {.branch = slot.branch,
          .state = slot.state,
          .connections = slot.inside,
          .last_activity = slot.inside > 0 ? workshop_.clock.Now() : slot.branch.last_activity};
}

std::vector<BranchStatus> BranchManager::List() {
  return runtime::RunOn(home_, [this] { return ListHere(); });
}

Task<std::vector<BranchStatus>> BranchManager::ListHere() {
  std::vector<BranchStatus> list;
  list.reserve(slots_.size());
  for (const auto& [name, slot] : slots_) {
    list.push_back(StatusOf(*slot));
  }
  co_return list;
}

}  // namespace prism::branching

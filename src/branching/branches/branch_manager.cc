#include "branching/branches/branch_manager.h"

#include <algorithm>
#include <utility>

#include "branching/branches/branch_visit.h"
#include "branching/instances/pool_work.h"
#include "branching/pgwire/refusal.h"
#include "runtime/sync_wait.h"

namespace prism::branching {

using runtime::Task;

namespace {

EntryWay WayInto(const BranchSlot& slot) {
  if (slot.state == BranchState::kRunning) return EntryWay::kRunning;
  return slot.state == BranchState::kMaking ? EntryWay::kNew : EntryWay::kWoken;
}

}  // namespace

BranchManager::BranchManager(runtime::Shard& home, Workshop& workshop, InstanceSettings settings,
                             const BranchLimits& limits, MayMake may_make)
    : home_(home),
      workshop_(workshop),
      settings_(std::move(settings)),
      limits_(limits),
      may_make_(std::move(may_make)),
      door_(std::make_shared<Door>(this)),
      spares_(home, workshop, settings_, limits.warm_pool,
              [this](const std::string& generation) { Distrust(kSourceName, generation); }),
      quotas_(limits.of_owner) {}

BranchManager::~BranchManager() { Stop(); }

Status BranchManager::Start(Source& source, MakeSource make) {
  make_source_ = std::move(make);
  return runtime::RunOn(home_, [&] { return StartHere(&source); });
}

// A follower that is made later sees that we stop.
void BranchManager::Abandon() {
  stopping_.store(true);
  home_.Post([this] {
    for (const auto& [name, slot] : sources_) slot.follower->Abandon();
  });
}

void BranchManager::Stop() {
  if (std::exchange(stopped_, true)) return;
  Abandon();
  const Status noted = runtime::RunOn(home_, [&] { return StopHere(); });
  if (!noted) workshop_.logger.Failure("branch_activity_not_noted", noted.error());
}

// Who waits is turned away; who is in stays, and so do the servers.
Task<Status> BranchManager::StopHere() {
  open_ = false;
  cancel_.Cancel(runtime::CancelReason::kShutdown);
  for (auto& [name, slot] : slots_) {
    TurnAway(*slot, Refuse(Refusal::kShuttingDown));
    slot->idle.reset();
    slot->expiry.reset();
    slot->watch.Cancel(runtime::CancelReason::kShutdown);
  }
  co_await tasks_.Join();
  for (auto& [name, slot] : sources_) co_await slot.follower->Stop();
  co_await spares_.Stop();
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

Task<Result<std::unique_ptr<Entrance>>> BranchManager::Enter(EntryRequest request,
                                                             runtime::CancelSource* cancel) {
  auto ticket =
      std::make_shared<Ticket>(*runtime::Shard::Current(), request.user, request.branch.name());
  home_.Post([this, ticket, request = std::move(request)]() mutable {
    Admit(std::move(ticket), std::move(request));
  });
  co_return co_await ticket->Wait(cancel);
}

void BranchManager::Admit(std::shared_ptr<Ticket> ticket, EntryRequest request) {
  if (Status may = quotas_.MayEnter(request.user); !may) {
    return ticket->Resolve(std::unexpected(std::move(may).error()));
  }
  if (SourceSlot* const source = SourceToEnter(request)) {
    return tasks_.Spawn(EnterSource(std::move(ticket), source));
  }
  const bool fresh = !slots_.contains(request.branch.name());
  auto found = SlotFor(request);
  if (!found) return ticket->Resolve(std::unexpected(std::move(found).error()));
  BranchSlot& slot = **found;
  ticket->set_way(WayInto(slot));
  ticket->Note(slot.state == BranchState::kMaking ? Refusal::kBranchBeingMade
                                                  : Refusal::kBranchStarting);
  slot.waiting.push_back(std::move(ticket));
  if (fresh) return tasks_.Spawn(Make(&slot));
  // Of a server that has ended the watch will tell.
  if (slot.state == BranchState::kRunning && slot.instance->running()) Welcome(slot);
  if (slot.state == BranchState::kStopped) tasks_.Spawn(Wake(&slot));
}

BranchManager::SourceSlot* BranchManager::SourceToEnter(const EntryRequest& request) {
  const auto it = sources_.find(request.branch.name());
  if (!open_ || !limits_.allow_source || it == sources_.end()) return nullptr;
  SourceSlot& slot = it->second;
  const bool may = slot.phase == SourcePhase::kReady && slot.follower->server() != nullptr &&
                   CheckLogin(request, slot.follower->name());
  return may ? &slot : nullptr;
}

Task<void> BranchManager::EnterSource(std::shared_ptr<Ticket> ticket, SourceSlot* source) {
  ticket->Note(Refusal::kBranchStarting);
  ++source->entering;
  auto running = co_await source->follower->server()->SocketPath();
  --source->entering;
  const std::string& name = source->follower->name();
  if (running) {
    if (Status entered = quotas_.Enter(ticket->user()); !entered) {
      co_return ticket->Resolve(std::unexpected(std::move(entered).error()));
    }
    const std::vector<StartupParameter> settings = {{.name = "prism.branch", .value = name}};
    ticket->Resolve(
        std::make_unique<SourceVisit>(home_, door_, *std::move(running), settings, ticket->user()));
    co_return;
  }
  workshop_.logger.Failure("source_not_started", running.error());
  ticket->Resolve(std::unexpected(Refuse(Refusal::kBranchWontStart, name)));
}

// It was another branch's name a moment ago, or nobody's: the next login is by the right role.
Status BranchManager::CheckLogin(const EntryRequest& request, const std::string& source) {
  if (request.source.empty() || request.source == source) return {};
  return std::unexpected(Refuse(Refusal::kBranchNotReady, request.branch.name()));
}

Result<BranchSlot*> BranchManager::SlotFor(const EntryRequest& request) {
  if (!open_) return std::unexpected(Refuse(Refusal::kShuttingDown));
  const std::string& name = request.branch.name();
  const auto it = slots_.find(name);
  if (it == slots_.end()) {
    if (!may_make_(request)) return std::unexpected(Refuse(Refusal::kCreationNotAllowed, name));
    TRY(quotas_.MayStart(request.user, UseOf(request.user)));
    TRY_ASSIGN(BranchSlot* const slot, NewSlot(request));
    slot->is_new = true;
    return slot;
  }
  BranchSlot& slot = *it->second;
  if (!request.branch.Means(slot.branch.name, slot.branch.label)) {
    return std::unexpected(Refuse(Refusal::kBranchNameTaken, name));
  }
  TRY(CheckLogin(request, slot.branch.source));
  if (slot.state == BranchState::kDeleted || slot.state == BranchState::kRemoving) {
    return std::unexpected(Refuse(Refusal::kBranchDeleted, name));
  }
  return &slot;
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
          .last_activity = slot.inside > 0 ? workshop_.clock.Now() : slot.branch.last_activity,
          .size = slot.size,
          .source_lsn = SourceLsnOf(slot.branch)};
}

std::string BranchManager::SourceLsnOf(const Branch& branch) const {
  const auto source = sources_.find(branch.source);
  if (source == sources_.end()) return {};
  const std::vector<Generation>& all = source->second.follower->generations();
  const auto found = std::ranges::find(all, branch.generation, &Generation::id);
  return found == all.end() ? std::string() : found->checkpoint_lsn;
}

std::vector<BranchStatus> BranchManager::List() {
  return runtime::RunOn(home_, [this] { return ListHere(); });
}

Task<std::vector<BranchStatus>> BranchManager::ListHere() {
  std::vector<BranchStatus> list;
  list.reserve(slots_.size());
  for (const auto& [name, slot] : slots_) {
    if (name == slot->branch.name) list.push_back(StatusOf(*slot));  // else it is being renamed
  }
  co_return list;
}

}  // namespace prism::branching

// The servers of branches: started for who waits, stopped when nobody is in.
#include <fmt/format.h>

#include <utility>

#include "branching/branches/branch_manager.h"
#include "branching/branches/branch_visit.h"
#include "branching/branches/volume_server.h"
#include "branching/instances/pool_work.h"
#include "branching/pgwire/refusal.h"

namespace prism::branching {

using runtime::Task;

namespace {

// What went wrong inside is in the log.
Error WontStart(const Error& error, const std::string& branch) {
  if (error.reason() == "DISK_FULL") return Refuse(Refusal::kDiskFull);
  if (error.reason() == "OUT_OF_MEMORY") return Refuse(Refusal::kOutOfMemory);
  if (error.reason() == "VOLUME_NOT_FOUND") return Refuse(Refusal::kBranchDataGone, branch);
  return Refuse(Refusal::kBranchWontStart, branch);
}

bool MayRest(const BranchSlot& slot) {
  return slot.state == BranchState::kRunning && slot.inside == 0 && slot.copying == 0;
}

}  // namespace

Task<void> BranchManager::Wake(BranchSlot* slot) {
  const std::string& owner = slot->branch.created_by;
  const Status may = quotas_.MayStart(owner, UseOf(owner));
  if (!may) {
    TurnAway(*slot, may.error());
    co_return;
  }
  slot->state = BranchState::kStarting;
  for (const auto& ticket : slot->waiting) ticket->Note(Refusal::kBranchStarting);
  Status started = co_await ReplaceDamaged(slot);
  if (started) started = co_await StartServer(slot);
  if (started) {
    BeginRunning(*slot);
    co_return;
  }
  slot->state = BranchState::kStopped;
  workshop_.logger.Failure("branch_not_started", started.error(), {{"branch", slot->branch.name}});
  const std::string& name = slot->branch.name;
  if (!open_) co_return TurnAway(*slot, Refuse(Refusal::kShuttingDown));
  const bool damaged = DistrustIfDamaged(*slot, started.error());
  TurnAway(*slot,
           damaged ? Refuse(Refusal::kBranchDamaged, name) : WontStart(started.error(), name));
}

Task<Status> BranchManager::StartServer(BranchSlot* slot) {
  auto started = co_await branching::StartServer(
      &workshop_,
      {.volume = slot->branch.volume,
       .major = slot->branch.major,
       .max_prepared_transactions = slot->branch.max_prepared_transactions},
      settings_, &cancel_);
  CO_TRY_ASSIGN(slot->instance, std::move(started));
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
  Settle(*slot);
}

void BranchManager::Welcome(BranchSlot& slot) {
  slot.idle.reset();
  const std::string as_of = telemetry::FormatTime(slot.branch.as_of);
  for (const auto& ticket : std::exchange(slot.waiting, {})) {
    if (Status entered = quotas_.Enter(ticket->user()); !entered) {
      ticket->Resolve(std::unexpected(std::move(entered).error()));
      continue;
    }
    std::vector<std::string> notices;
    if (std::exchange(slot.is_new, false)) {
      notices.push_back(
          fmt::format("created {} from {} as of {}", slot.branch.name, slot.branch.parent, as_of));
    }
    ++slot.inside;
    std::vector<StartupParameter> settings = {{.name = "prism.branch", .value = slot.branch.name},
                                              {.name = "prism.parent", .value = slot.branch.parent},
                                              {.name = "prism.as_of", .value = as_of}};
    ticket->Resolve(std::make_unique<BranchVisit>(home_, door_, slot.weak_from_this(),
                                                  slot.instance->socket_path(), std::move(settings),
                                                  std::move(notices), *ticket));
  }
}

void BranchManager::TurnAway(BranchSlot& slot, const Error& error) {
  for (const auto& ticket : std::exchange(slot.waiting, {})) {
    ticket->Resolve(std::unexpected(error));
  }
}

void BranchManager::Leave(BranchSlot& slot, bool found_damage) {
  slot.branch.last_activity = workshop_.clock.Now();
  --slot.inside;
  if (!found_damage) slot.untouched = false;
  if (found_damage && IsAsMade(slot)) {
    Distrust(slot.branch.source, slot.branch.generation);
    // Its next start puts other data in it.
    if (MayRest(slot) && !cancel_.cancelled()) return tasks_.Spawn(Rest(&slot));
  }
  RestWhenIdle(slot);
  ExpireWhenDue(slot);
}

void BranchManager::RestWhenIdle(BranchSlot& slot) {
  if (!MayRest(slot) || cancel_.cancelled()) return;
  // The task takes the timer away while it runs: nothing may follow.
  slot.idle = std::make_unique<BranchSlot::DueTimer>([this, &slot] {
    if (MayRest(slot)) tasks_.Spawn(Rest(&slot));
  });
  home_.ArmTimerAt(*slot.idle, MonotonicNow() + limits_.idle_timeout);
}

// Data stay; who comes meanwhile waits until the server can be started again.
Task<void> BranchManager::Rest(BranchSlot* slot) {
  const Status stopped = co_await StopServer(slot);
  if (!stopped)
    workshop_.logger.Failure("branch_not_stopped", stopped.error(),
                             {{"branch", slot->branch.name}});
  workshop_.logger.Info("branch_stopped", {{"branch", slot->branch.name}});
  Settle(*slot);
}

// No server runs; who has come meanwhile has it started again.
void BranchManager::Settle(BranchSlot& slot) {
  slot.state = BranchState::kStopped;
  ExpireWhenDue(slot);
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

}  // namespace prism::branching

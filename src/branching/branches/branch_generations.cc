// The states of the source that branches start from: made as it moves on, and forgotten.
#include <algorithm>
#include <map>
#include <optional>
#include <ranges>
#include <utility>

#include "branching/branches/branch_manager.h"
#include "branching/branches/generation.h"
#include "branching/branches/volume_server.h"
#include "branching/instances/pool_work.h"
#include "runtime/wait.h"

namespace prism::branching {

using runtime::Task;

// Until the manager stops.
Task<void> BranchManager::FollowSource(Source* source) {
  std::string last_reason;
  while (true) {
    const MonoNanos next = MonotonicNow() + limits_.refresh_interval;
    const bool stopped = co_await runtime::SleepUntil(home_, next, &cancel_);
    if (stopped) co_return;
    const Status refreshed = co_await Refresh(source);
    const std::string reason(refreshed ? "" : refreshed.error().reason());
    if (!refreshed && reason != last_reason && !cancel_.cancelled()) {
      IsInUse(refreshed.error())
          ? workshop_.logger.Info("source_in_use", {{"source", source->name()}})
          : workshop_.logger.Failure("generation_not_refreshed", refreshed.error());
    }
    last_reason = reason;
  }
}

Task<Status> BranchManager::Refresh(Source* source) {
  auto looked = co_await RunOnPool(
      workshop_.pool, [&]() -> Result<std::optional<std::string>> { return source->Moment(); });
  CO_TRY_ASSIGN(std::optional<std::string> moment, std::move(looked));
  if (moment && moment == source_moment_) co_return Status();
  Status adopted = co_await AdoptGeneration(source);
  if (adopted || IsUnusable(adopted.error())) source_moment_ = std::move(moment);
  co_return adopted;
}

// New branches begin with the newest state of the source from here on, and its roles log in.
Task<Status> BranchManager::AdoptGeneration(Source* source) {
  auto prepared = co_await PrepareGeneration(&workshop_, source, &stopping_);
  CO_TRY_ASSIGN(const Generation newest, std::move(prepared));
  if (newest.id == generation_.id) co_return Status();
  co_return co_await UseGeneration(newest);
}

// What was made of the source before, while it can't be copied: branches that there are don't need
// it.
Task<Status> BranchManager::AdoptAny(Source* source) {
  Status newest = co_await AdoptGeneration(source);
  if (newest || !(IsInUse(newest.error()) || IsUnusable(newest.error()))) co_return newest;
  auto known =
      co_await RunOnPool(workshop_.pool, [this] { return workshop_.journal.AllGenerations(); });
  CO_TRY_ASSIGN(const std::vector<Generation> generations, std::move(known));
  for (const Generation& generation : generations | std::views::reverse) {
    if (!generation.source.starts_with(source->name() + " ")) continue;
    if (!IsInUse(newest.error())) {
      workshop_.logger.Failure("generation_not_refreshed", newest.error());
    }
    workshop_.logger.Warn("older_generation_used",
                          {{"source", source->name()}, {"generation", generation.id}});
    co_return co_await UseGeneration(generation);
  }
  co_return newest;
}

Task<Status> BranchManager::UseGeneration(Generation newest) {
  auto loaded = co_await RunOnPool(workshop_.pool, [&] { return LoadRoles(newest); });
  CO_TRY(std::move(loaded));
  auto known =
      co_await RunOnPool(workshop_.pool, [this] { return workshop_.journal.AllGenerations(); });
  CO_TRY_ASSIGN(generations_, std::move(known));
  generation_ = std::move(newest);
  if (open_) spares_.Fill(generation_);
  co_return co_await RemoveUnusedGenerations();
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
  roles_.store(std::make_shared<const Roles>(std::move(roles), std::move(secret)));
  return {};
}

// Those that nobody can choose any more. What can't be removed is tried again with the next one.
Task<Status> BranchManager::RemoveUnusedGenerations() {
  auto listed = co_await RunOnPool(workshop_.pool, [this] {
    return workshop_.journal.UnusedGenerations(generation_.id, limits_.keep_generations);
  });
  CO_TRY_ASSIGN(const std::vector<std::string> unused, std::move(listed));
  for (const std::string& generation : unused) {
    const bool chosen = std::ranges::any_of(slots_, [&generation](const auto& slot) {
      return slot.second->branch.generation == generation;
    });
    if (chosen) continue;  // since it was listed
    std::erase_if(generations_, [&](const Generation& one) { return one.id == generation; });
    Status removed = co_await RunOnPool(workshop_.pool,
                                        [&] { return workshop_.journal.BeginRemoval(generation); });
    if (removed) removed = co_await RemoveVolume(&workshop_, generation);
    if (!removed) workshop_.logger.Failure("generation_not_removed", removed.error());
  }
  co_return Status();
}

}  // namespace prism::branching

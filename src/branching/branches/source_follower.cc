#include "branching/branches/source_follower.h"

#include <algorithm>
#include <map>
#include <ranges>
#include <utility>

#include "branching/branches/branch_errors.h"
#include "branching/branches/generation.h"
#include "branching/branches/logins.h"
#include "branching/branches/volume_server.h"
#include "branching/instances/pool_work.h"
#include "runtime/wait.h"

namespace prism::branching {

using runtime::Task;

SourceFollower::SourceFollower(runtime::Shard& home, Workshop& workshop, std::string name,
                               Source& source, const FollowRules& rules, Hooks hooks)
    : workshop_(workshop),
      added_{.name = std::move(name)},
      source_(&source),
      rules_(rules),
      hooks_(std::move(hooks)),
      look_now_(home),
      look_ended_(home) {}

SourceFollower::SourceFollower(runtime::Shard& home, Workshop& workshop, AddedSource added,
                               Make make, const FollowRules& rules, Hooks hooks)
    : workshop_(workshop),
      added_(std::move(added)),
      make_(std::move(make)),
      rules_(rules),
      hooks_(std::move(hooks)),
      look_now_(home),
      look_ended_(home) {}

Task<Status> SourceFollower::Begin() {
  Status made = co_await EnsureSource();
  CO_TRY(std::move(made));
  co_return co_await AdoptNewest();
}

Task<Status> SourceFollower::BeginWithKnown() {
  auto found = co_await RunOnPool(workshop_.pool, [this] { return FindKnown(); });
  CO_TRY_ASSIGN(std::optional<Generation> known, std::move(found));
  if (!known) co_return Status();
  co_return co_await Use(*std::move(known));
}

// Of another source there may be some when the configuration has named that before.
Result<std::optional<Generation>> SourceFollower::FindKnown() {
  TRY_ASSIGN(const std::vector<Generation> generations, workshop_.journal.GenerationsOf(name()));
  for (const Generation& generation : generations | std::views::reverse) {
    if (source_ != nullptr && !generation.mark.starts_with(source_->name() + " ")) continue;
    TRY_ASSIGN(const bool there, workshop_.HasVolume(generation.id));
    if (there) return generation;
  }
  return std::nullopt;
}

void SourceFollower::Follow() {
  tasks_.Spawn(KeepFollowing(looked_ ? NextLook() : MonotonicNow()));
}

MonoNanos SourceFollower::NextLook() const {
  if (rules_.refresh_interval == 0) return runtime::kNoDeadline;
  return MonotonicNow() + rules_.refresh_interval;
}

Task<void> SourceFollower::KeepFollowing(MonoNanos first) {
  MonoNanos next = std::max(first, rests_until_);
  while (co_await look_now_.For(next, &cancel_) != runtime::WaitResult::kCancelled) {
    if (cancel_.cancelled()) co_return;
    look_now_.Reset();
    ++looks_begun_;
    co_await RefreshOnce();
    ++looks_ended_;
    look_ended_.Set();
    look_ended_.Reset();
    next = std::max(NextLook(), rests_until_);
  }
}

// Not the look that is under way, which may have begun before the source changed.
Task<Status> SourceFollower::RefreshNow() {
  const std::string name = added_.name;
  const std::uint64_t wanted = looks_begun_ + 1;
  look_now_.Set();
  while (looks_ended_ < wanted) {
    const auto waited = co_await look_ended_.For(runtime::kNoDeadline, &cancel_);
    if (waited == runtime::WaitResult::kCancelled) co_return std::unexpected(SourceBusy(name));
  }
  if (failure_) co_return std::unexpected(*failure_);
  co_return Status();
}

// What is wrong again is told once.
Task<void> SourceFollower::RefreshOnce() {
  const auto refreshed = co_await Refresh();
  if (cancel_.cancelled() || (refreshed && !*refreshed)) co_return;
  const std::string before(failure_ ? failure_->reason() : "");
  failure_.reset();
  if (refreshed) co_return;
  NoteFailure(refreshed.error());
  if (failure_->reason() == before) co_return;
  if (IsInUse(*failure_)) {
    workshop_.logger.Info("source_in_use", {{"source", source_->name()}});
  } else {
    workshop_.logger.Failure("generation_not_refreshed", *failure_);
  }
}

void SourceFollower::NoteFailure(const Error& error) {
  failure_ = error;
  failed_at_ = workshop_.clock.Now();
}

Task<Result<bool>> SourceFollower::Refresh() {
  Status made = co_await EnsureSource();
  CO_TRY(std::move(made));
  auto looked = co_await RunOnPool(
      workshop_.pool, [&]() -> Result<std::optional<std::string>> { return source_->Moment(); });
  CO_TRY_ASSIGN(std::optional<std::string> moment, std::move(looked));
  if (moment && moment == moment_ && !IsToBeRemade()) co_return false;
  Status adopted = co_await AdoptNewest();
  if (adopted || IsUnusable(adopted.error())) moment_ = std::move(moment);
  CO_TRY(std::move(adopted));
  co_return true;
}

Task<Status> SourceFollower::EnsureSource() {
  if (source_ != nullptr) co_return Status();
  auto made = co_await RunOnPool(workshop_.pool, [this] { return make_(); });
  CO_TRY_ASSIGN(owned_, std::move(made));
  source_ = owned_.get();
  co_return Status();
}

// New branches begin with the newest state of the source from here on, and its roles log in.
Task<Status> SourceFollower::AdoptNewest() {
  std::set<std::string> distrusted = distrusted_;
  if (!IsToBeRemade()) distrusted.erase(newest_.id);
  looked_ = true;
  refreshing_ = true;
  auto prepared =
      co_await PrepareGeneration(&workshop_, name(), source_, std::move(distrusted), &abandoned_);
  refreshing_ = false;
  if (prepared && prepared->id == newest_.id) co_return Status();
  rests_until_ = MonotonicNow() + source_->Rest();
  if (distrusts(newest_.id)) remake_after_ = MonotonicNow() + kDamagedAgain;
  CO_TRY_ASSIGN(const Generation newest, std::move(prepared));
  co_return co_await Use(newest);
}

Task<Status> SourceFollower::Use(Generation newest) {
  auto loaded = co_await RunOnPool(workshop_.pool, [&] { return LoadRoles(newest); });
  CO_TRY(std::move(loaded));
  auto known = co_await RunOnPool(workshop_.pool,
                                  [this] { return workshop_.journal.GenerationsOf(name()); });
  CO_TRY_ASSIGN(generations_, std::move(known));
  newest_ = std::move(newest);
  LeaveOutDistrusted();
  usage_.reset();
  hooks_.on_newer();
  tasks_.Spawn(MeasureNewest());
  co_return co_await RemoveUnused();
}

void SourceFollower::Distrust(const std::string& generation) {
  if (distrusted_.insert(generation).second) {
    workshop_.logger.Warn("generation_damaged", {{"source", name()}, {"generation", generation}});
  }
  LeaveOutDistrusted();
  if (IsToBeRemade()) look_now_.Set();
}

bool SourceFollower::IsToBeRemade() const {
  return distrusts(newest_.id) && MonotonicNow() >= remake_after_;
}

// But for the newest: until it is made again it is the best there is.
void SourceFollower::LeaveOutDistrusted() {
  std::erase_if(generations_, [this](const Generation& one) {
    return one.id != newest_.id && distrusts(one.id);
  });
}

// For people; a frozen volume stays as large as it is.
Task<void> SourceFollower::MeasureNewest() {
  const std::string id = newest_.id;
  const auto usage =
      co_await RunOnPool(workshop_.pool, [&] { return workshop_.storage.Measure(id); });
  if (newest_.id != id) co_return;
  if (usage) {
    usage_ = *usage;
  } else {
    workshop_.logger.Failure("generation_not_measured", usage.error());
  }
}

Status SourceFollower::LoadRoles(const Generation& generation) {
  TRY_ASSIGN(const std::vector<StoredRole> stored, workshop_.journal.Roles(generation.id));
  TRY_ASSIGN(std::string secret, workshop_.journal.LoginSecret());
  std::map<std::string, Role, std::less<>> roles;
  LoginRoles logins;
  for (const StoredRole& role : stored) {
    if (role.may_login) logins.Add(role.name, role.password.has_value());
    TRY_ASSIGN(StoredPassword password, ParseStoredPassword(role.password));
    roles[role.name] = {.password = std::move(password),
                        .may_login = role.may_login,
                        .valid_until = role.valid_until};
  }
  roles_.store(std::make_shared<const Roles>(std::move(roles), std::move(secret)));
  if (!logins.without_password.empty()) {
    workshop_.logger.Warn("roles_without_password", {{"source", name()},
                                                     {"generation", generation.id},
                                                     {"says", DescribeLogins(logins)},
                                                     {"advice", kGivePasswords}});
  }
  return {};
}

// Distrusted ones are kept for nobody.
Result<std::vector<std::string>> SourceFollower::ListUnused(
    const std::set<std::string>& distrusted) {
  TRY_ASSIGN(std::vector<std::string> unused, workshop_.journal.UnusedGenerations(newest_, 1));
  TRY_ASSIGN(const std::vector<std::string> old,
             workshop_.journal.UnusedGenerations(newest_, rules_.keep_generations));
  std::erase_if(unused, [&](const std::string& id) {
    return !distrusted.contains(id) && std::ranges::find(old, id) == old.end();
  });
  return unused;
}

// Those that nobody can choose any more. What can't be removed is tried again with the next one.
Task<Status> SourceFollower::RemoveUnused() {
  auto listed = co_await RunOnPool(
      workshop_.pool, [this, distrusted = distrusted_] { return ListUnused(distrusted); });
  CO_TRY_ASSIGN(const std::vector<std::string> unused, std::move(listed));
  for (const std::string& generation : unused) {
    if (hooks_.is_chosen(generation)) continue;  // since it was listed
    std::erase_if(generations_, [&](const Generation& one) { return one.id == generation; });
    Status removed = co_await RunOnPool(workshop_.pool,
                                        [&] { return workshop_.journal.BeginRemoval(generation); });
    if (removed) removed = co_await RemoveVolume(&workshop_, generation);
    if (!removed) workshop_.logger.Failure("generation_not_removed", removed.error());
  }
  co_return Status();
}

Task<void> SourceFollower::Stop() {
  Abandon();
  cancel_.Cancel(runtime::CancelReason::kShutdown);
  co_await tasks_.Join();
  if (source_ != nullptr) co_await source_->Close();
}

}  // namespace prism::branching

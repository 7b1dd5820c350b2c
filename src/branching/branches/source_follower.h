// One source: its states that branches start from, who may log in, and whoever looks for newer
// ones.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "branching/branches/source.h"
#include "branching/branches/workshop.h"
#include "branching/proxy/roles.h"
#include "branching/storage/driver.h"
#include "runtime/cancel.h"
#include "runtime/shard.h"
#include "runtime/task.h"
#include "runtime/task_group.h"
#include "runtime/wait.h"

namespace prism::branching {

struct FollowRules {
  // How often the source is looked at; longer after a copy that took long (Source::Rest). 0:
  // when it begins alone.
  MonoNanos refresh_interval = 0;
  // So many of its states are kept for branches of the past, beside those in use.
  int keep_generations = 1;
};

// What replaces a damaged generation is as bad when the source is: for so long it is not made
// again.
inline constexpr MonoNanos kDamagedAgain = 10 * 60 * kNanosPerSecond;

// Life cycle: construct, Begin..., Follow, Stop, destroy; or Begin... again when it failed. Thread
// rule: the home shard; roles() any thread.
class SourceFollower {
 public:
  // Blocks. An error counts as one of a look at the source, and it is asked again.
  using Make = std::function<Result<std::unique_ptr<Source>>()>;
  struct Hooks {
    // Whether a branch is being made of that generation, which the journal does not know yet.
    std::function<bool(std::string_view generation)> is_chosen;
    // Called before what is older than newest() is removed.
    std::function<void()> on_newer;
  };

  // The source outlives the follower. All that is given outlives it.
  SourceFollower(runtime::Shard& home, Workshop& workshop, std::string name, Source& source,
                 const FollowRules& rules, Hooks hooks);
  // The source is made when it is needed first.
  SourceFollower(runtime::Shard& home, Workshop& workshop, AddedSource added, Make make,
                 const FollowRules& rules, Hooks hooks);
  SourceFollower(const SourceFollower&) = delete;
  SourceFollower& operator=(const SourceFollower&) = delete;

  // From here on there is a source().
  runtime::Task<Status> EnsureSource();
  // With what it has now. Errors of PrepareGeneration.
  runtime::Task<Status> Begin();
  // With the newest that was made of it before; it is not looked at. Without one: without.
  runtime::Task<Status> BeginWithKnown();
  // Looks for newer states from here on: at once, when it was not looked at yet.
  void Follow();
  // Looks now, and waits for what comes of that look. Its failure, or ABORTED/SOURCE_BUSY when the
  // follower was stopped, and may have gone.
  runtime::Task<Status> RefreshNow();
  // What was made of this generation, as it was made, can't be served. It is not chosen again once
  // there is a newer one. The newest is made again soon, although the source has not changed; not
  // within kDamagedAgain after that was done.
  void Distrust(const std::string& generation);
  bool distrusts(const std::string& generation) const { return distrusted_.contains(generation); }
  // What is being copied is given up.
  void Abandon() { abandoned_.store(true); }
  // Nothing is looked at any more. The source is closed.
  runtime::Task<void> Stop();

  const std::string& name() const { return added_.name; }
  // Of the source of the configuration: its name alone.
  const AddedSource& added() const { return added_; }
  bool has_generation() const { return !newest_.id.empty(); }
  const Generation& newest() const { return newest_; }
  // Those that are there, by time.
  const std::vector<Generation>& generations() const { return generations_; }
  std::shared_ptr<const Roles> roles() const { return roles_.load(); }
  // nullptr: it was not made yet.
  Source* source() const { return source_; }
  // nullptr: nobody can be in it.
  SourceServer* server() const { return source_ == nullptr ? nullptr : source_->server(); }

  bool refreshing() const { return refreshing_; }
  // Of the newest generation, once it is measured.
  const std::optional<VolumeUsage>& usage() const { return usage_; }
  // Why the last look failed; nothing when it did not.
  const std::optional<Error>& failure() const { return failure_; }
  WallMillis failed_at() const { return failed_at_; }

 private:
  // The newest of what was made of it. Blocks.
  Result<std::optional<Generation>> FindKnown();
  MonoNanos NextLook() const;
  runtime::Task<void> KeepFollowing(MonoNanos first);
  runtime::Task<void> RefreshOnce();
  void NoteFailure(const Error& error);
  // False: it is as it was when it was looked at last.
  runtime::Task<Result<bool>> Refresh();
  runtime::Task<Status> AdoptNewest();
  runtime::Task<Status> Use(Generation newest);
  bool IsToBeRemade() const;
  void LeaveOutDistrusted();
  runtime::Task<void> MeasureNewest();
  Status LoadRoles(const Generation& generation);
  // Blocks.
  Result<std::vector<std::string>> ListUnused(const std::set<std::string>& distrusted);
  runtime::Task<Status> RemoveUnused();

  Workshop& workshop_;
  const AddedSource added_;
  Source* source_ = nullptr;
  std::unique_ptr<Source> owned_;  // when it was made here
  const Make make_;
  const FollowRules rules_;
  const Hooks hooks_;
  Generation newest_;
  std::vector<Generation> generations_;
  std::set<std::string> distrusted_;  // of them, and of those before
  MonoNanos remake_after_ = 0;        // until then a damaged newest_ stays
  runtime::Event look_now_;
  std::uint64_t looks_begun_ = 0;
  std::uint64_t looks_ended_ = 0;
  runtime::Event look_ended_;                        // set for a moment
  std::atomic<std::shared_ptr<const Roles>> roles_;  // of newest_
  std::optional<std::string> moment_;                // of the source, when newest_ was made
  std::optional<VolumeUsage> usage_;
  std::optional<Error> failure_;
  WallMillis failed_at_ = 0;
  MonoNanos rests_until_ = 0;
  bool looked_ = false;
  bool refreshing_ = false;
  std::atomic<bool> abandoned_ = false;
  runtime::TaskGroup tasks_;
  runtime::CancelSource cancel_;
};

}  // namespace prism::branching

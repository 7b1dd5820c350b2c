// A client's wait for its branch: two shards, one outcome.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "branching/pgwire/refusal.h"
#include "branching/proxy/branch_host.h"
#include "runtime/shard.h"
#include "runtime/wait.h"

namespace prism::branching {

// Made on the client's shard, resolved on any. Who resolves a ticket that nobody waits for any more
// has the entrance let go there.
class Ticket : public std::enable_shared_from_this<Ticket> {
 public:
  using Outcome = Result<std::unique_ptr<Entrance>>;

  // `user`: who waits; `branch`: for which.
  Ticket(runtime::Shard& shard, std::string user, std::string branch)
      : shard_(shard), user_(std::move(user)), branch_(std::move(branch)), done_(shard) {}

  const std::string& user() const { return user_; }
  // What is done for it, as the branch was found.
  void set_way(EntryWay way) { way_ = way; }
  EntryWay way() const { return way_; }

  // What is being done for it: kBranchBeingMade or kBranchStarting. Any thread.
  void Note(Refusal waits_for) { waits_for_.store(waits_for); }
  // On the client's shard. When it is cancelled: the refusal that was noted last, of its branch.
  runtime::Task<Outcome> Wait(runtime::CancelSource* cancel);
  // Any thread, once.
  void Resolve(Outcome outcome);

 private:
  runtime::Shard& shard_;
  const std::string user_;
  const std::string branch_;
  std::atomic<Refusal> waits_for_ = Refusal::kBranchNotReady;
  EntryWay way_ = EntryWay::kNew;
  runtime::Event done_;
  std::optional<Outcome> outcome_;
  bool left_ = false;
};

}  // namespace prism::branching

// Work on branches that may take long: an operation when it does, and it goes on whoever waits.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "contract/call_context.h"
#include "gateway/admin/branch_control.h"
#include "gateway/admin/config_changes.h"
#include "gateway/admin/operation_store.h"
#include "runtime/blocking_pool.h"
#include "runtime/shard.h"
#include "runtime/task.h"
#include "runtime/task_group.h"

namespace prism::gateway {

// How far the work of an operation that goes on has come: "1204 files, 3.1 GiB". Empty: it is none
// on branches, or can't say. Any thread but a shard, and it blocks. `control` may be null.
std::string ProgressOf(BranchControl* control, const OperationRecord& record);

// Owner of what it runs. Life cycle: construct (the shards are running), Run, Stop, destroy. Thread
// rule: Run on any shard; Stop on a control thread that is no shard, and it blocks.
class BranchOperations {
 public:
  // Work that is over sooner is no operation, which spares it two transactions.
  static constexpr MonoNanos kMoment = 200 * kNanosPerMilli;

  // Everything outlives the operations.
  struct Parts {
    runtime::ShardPool& shards;
    runtime::BlockingPool& pool;
    OperationStore& operations;
    ConfigChanges& changes;  // rings when one ends
    MonoNanos moment = kMoment;
  };
  struct Wish {
    std::string kind;  // "branch create"
    std::string by;
    bool background = false;  // whoever asks waits for a moment only
    // What it is about, once it goes on: "branch/pr-12". On a thread of the pool.
    std::function<std::string()> object;
  };
  // What has become of it.
  struct Outcome {
    std::string operation;  // its name; empty: it is none
    bool ended = true;
  };
  // Answers the name of what it has made.
  using Work = runtime::Task<Result<std::string>>;

  explicit BranchOperations(const Parts& parts);
  BranchOperations(const BranchOperations&) = delete;
  BranchOperations& operator=(const BranchOperations&) = delete;

  // Begins the work, and answers at its end; in the background after a moment, if it is known as an
  // operation by then. Errors of the work, UNAVAILABLE/SHUTTING_DOWN, and CANCELLED or
  // DEADLINE_EXCEEDED of the call, which end nothing but the wait.
  runtime::Task<Result<Outcome>> Run(contract::CallContext& ctx, Wish wish, Work work);
  // Waits for all work, whose end is to be near. Nothing begins any more.
  void Stop();

 private:
  struct Going;
  runtime::Task<void> Do(std::shared_ptr<Going> going, Work work);
  runtime::Task<void> Note(std::shared_ptr<Going> going);
  Status Begin(Going& going);
  static runtime::Task<void> Join(runtime::TaskGroup* group);

  const Parts parts_;
  std::vector<std::unique_ptr<runtime::TaskGroup>> per_shard_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace prism::gateway

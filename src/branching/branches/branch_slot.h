// One branch in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "branching/branches/copy_progress.h"
#include "branching/branches/journal.h"
#include "branching/branches/ticket.h"
#include "branching/instances/runtime.h"
#include "branching/storage/driver.h"
#include "runtime/cancel.h"
#include "runtime/task_group.h"
#include "runtime/timer_wheel.h"

namespace prism::branching {

enum class BranchState : std::uint8_t {
  kMaking,   // the volume is not there yet
  kStopped,  // no server runs
  kStarting,
  kRunning,  // visitors get in at once
  kStopping,
  kDeleted,  // may be had back; nobody gets in
  kRemoving,
};

// What a branch takes up in the store.
struct BranchSize {
  VolumeUsage usage;
  WallMillis measured_at = 0;
};

// Kept by its BranchManager; visitors know it weakly, since it may go before they do. Thread rule:
// the manager's shard.
struct BranchSlot : std::enable_shared_from_this<BranchSlot> {
  // Runs what is due at a time: to stop its server, to remove it, to let it expire.
  class DueTimer final : public runtime::Timer {
   public:
    explicit DueTimer(std::function<void()> due) : due_(std::move(due)) {}
    void OnTimer() override { due_(); }

   private:
    std::function<void()> due_;
  };

  explicit BranchSlot(Branch of) : branch(std::move(of)) {}

  Branch branch;
  std::vector<Snapshot> snapshots;  // by time
  std::optional<BranchSize> size;   // not before it was measured
  MonoNanos measure_after = 0;      // when that failed: not before
  BranchState state = BranchState::kStopped;
  std::unique_ptr<Instance> instance;  // in kRunning and kStopping
  std::vector<std::shared_ptr<Ticket>> waiting;
  int inside = 0;
  int copying = 0;                   // clones that are made of it while it runs
  CopyProgress copied;               // of what is made for it: its data, or a snapshot of them
  std::string made_of;               // in kMaking: the volume; empty: what its parent has then
  bool is_new = false;               // its maker has not been told yet
  bool untouched = false;            // made of a source's newest, and nobody let in has left
  bool changing = false;             // somebody changes it: others have to try again
  std::unique_ptr<DueTimer> idle;    // nobody has been in for long
  std::unique_ptr<DueTimer> expiry;  // its time is over
  runtime::CancelSource watch;       // of the instance
  runtime::TaskGroup watching;
};

// It has what a source's newest state had: nobody was let in.
inline bool IsAsMade(const BranchSlot& slot) { return slot.untouched && slot.inside == 0; }

}  // namespace prism::branching

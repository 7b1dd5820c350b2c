// What the branch manager tells of branches and sources, and what can be asked of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "branching/branches/branch_slot.h"
#include "branching/branches/journal.h"
#include "branching/storage/storage.h"

namespace prism::branching {

struct BranchStatus {
  Branch branch;
  BranchState state = BranchState::kStopped;
  int connections = 0;
  WallMillis last_activity = 0;  // now, while there are connections
  std::optional<BranchSize> size = {};
  // Of the last checkpoint of its generation; empty: an older version of Prism made that.
  std::string source_lsn = {};
};

enum class SourcePhase : std::uint8_t {
  kPreparing,   // the first state of it is being copied
  kReady,       // branches can be made of it
  kRefreshing,  // the same, and a newer state is being copied
  kRemoving,
};

struct SourceStatus {
  AddedSource source;  // of that of the configuration: its name alone
  SourcePhase phase = SourcePhase::kReady;
  std::optional<Generation> newest;
  std::optional<VolumeUsage> usage;  // of the newest, once it is measured
  std::optional<Error> failure;      // of the last look
  WallMillis failed_at = 0;
  int branches = 0;  // deleted ones too
};

// What is to be changed of a branch; what is not set stays.
struct BranchChange {
  std::optional<bool> is_protected;
  // From now on. No value inside: it does not expire.
  std::optional<std::optional<std::chrono::milliseconds>> ttl;
};

struct Deletion {
  bool force = false;      // clients that are in are cut off
  bool recursive = false;  // with what was made of it, all or none, each to be had back by itself
  bool purge = false;      // not to be had back: data go now, those that were deleted before too
};

}  // namespace prism::branching

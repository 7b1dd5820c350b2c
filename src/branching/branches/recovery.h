// What a killed process or a power cut left, put right before anything else happens.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "branching/branches/journal.h"
#include "branching/branches/workshop.h"
#include "runtime/task.h"

namespace prism::branching {

struct RecordedBranches {
  std::vector<Branch> branches;                            // by name
  std::map<std::string, std::vector<Snapshot>> snapshots;  // by the id of their branch, by time
};
// What is complete. Blocks.
Result<RecordedBranches> ReadBranches(Journal& journal);

// A store that is not mounted is no reason to forget what is in it: FAILED_PRECONDITION/STORE_EMPTY
// when the journal knows of volumes and there is none at all. Blocks.
Status CheckStore(const Workshop& workshop);

// Removes what somebody was killed over: nobody was told that it is there, or somebody that it
// goes. How much that was. What can't be removed is logged, and tried again by the next call.
runtime::Task<Result<std::size_t>> ClearUnfinished(Workshop* workshop);

// A power cut may have taken volumes, since clones are not on disk at once. A branch that got other
// data has again what it had before those; what can't be had back is forgotten. How much is gone.
// What can't be looked at or had back just now is logged, and stays as it is.
runtime::Task<Result<std::size_t>> RestoreLost(Workshop* workshop);

}  // namespace prism::branching

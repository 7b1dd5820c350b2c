// From a source to a state that branches start from at once.
#pragma once

#include <atomic>
#include <set>
#include <string>

#include "branching/branches/source.h"
#include "branching/branches/workshop.h"
#include "runtime/task.h"

namespace prism::branching {

// The newest generation of the source, made when the source has moved on since: filled, started
// once to recover and to read its roles, stopped and frozen. `name`: what the source is called
// where branches are named; `distrusted`: generations that are none of what is looked for, however
// little the source has moved. Errors: those of Source, Storage, Runtime and ReadStoredRoles.
// CANCELLED/TRANSFER_CANCELLED soon after `stop`, which outlives the task.
runtime::Task<Result<Generation>> PrepareGeneration(Workshop* workshop, std::string name,
                                                    Source* source,
                                                    std::set<std::string> distrusted,
                                                    const std::atomic<bool>* stop);

}  // namespace prism::branching

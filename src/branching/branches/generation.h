// From a stopped data directory to a state that branches start from at once.
#pragma once

#include <atomic>
#include <string>

#include "branching/branches/workshop.h"
#include "runtime/task.h"

namespace prism::branching {

// The newest generation of the template, made when the template has moved on since: imported,
// started once to recover and to read its roles, stopped and frozen. The template itself is only
// read. Errors: FAILED_PRECONDITION/SOURCE_RUNNING, SOURCE_IS_STANDBY, and those of
// ReadDataDirectory, CheckLinks, PostgresServers, Storage, Runtime and ReadStoredRoles.
// CANCELLED/TRANSFER_CANCELLED soon after `stop`, which outlives the task.
runtime::Task<Result<Generation>> PrepareGeneration(Workshop* workshop, std::string source,
                                                    const std::atomic<bool>* stop);

}  // namespace prism::branching

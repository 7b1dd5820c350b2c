// What every runtime does before it launches a server, and until that is ready.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "branching/instances/process_instance.h"
#include "branching/instances/readiness.h"
#include "branching/instances/run_directory.h"
#include "branching/instances/runtime.h"
#include "branching/instances/sandbox.h"
#include "runtime/blocking_pool.h"
#include "runtime/cancel.h"
#include "runtime/task.h"

namespace prism::branching {

// Who servers can run as: INVALID_ARGUMENT/INSTANCE_USER_ROOT for root, INSTANCE_USER_OTHER for
// another user than this process's, unless that is root.
Status CheckInstanceUser(InstanceUser user);

// A data directory that is ours to start, and the files beside it.
struct PreparedStart {
  RunDirectory::Lock lock;
  base::UniqueFd log;
  std::uint64_t log_start = 0;  // where this start's words begin
  Readiness readiness;
};

// Makes the files, takes the lock, checks the data directory and removes what an earlier server
// left in it. Blocks some milliseconds. Errors as Runtime::Start.
Result<PreparedStart> PrepareStart(const InstanceSpec& spec, const RunDirectory& directory,
                                   InstanceUser user);

// The program and its arguments. `own_shared_memory`: /dev/shm goes with the server.
std::vector<std::string> ServerCommand(const InstanceSpec& spec, const RunDirectory& directory,
                                       bool own_shared_memory);
// Where a ready server says so, for its environment; empty: by postmaster.pid.
std::string NotifyVariable(const InstanceSpec& spec, const RunDirectory& directory);

// Waits until the launched server takes connections; else it is killed. Errors as Runtime::Start.
runtime::Task<Result<std::unique_ptr<ProcessInstance>>> AwaitReady(
    std::unique_ptr<ProcessInstance> instance, Readiness prepared, std::uint64_t log_start,
    RunDirectory directory, runtime::BlockingPool* pool, MonoNanos deadline,
    runtime::CancelSource* cancel);

// FAILED_PRECONDITION: INSTANCE_START_FAILED, PRELOAD_LIBRARY_MISSING. RESOURCE_EXHAUSTED:
// OUT_OF_MEMORY, DISK_FULL. `how`: it ended.
Error StartFailed(const RunDirectory& directory, std::uint64_t log_start, std::string_view how);

}  // namespace prism::branching

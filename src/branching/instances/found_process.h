// The server that runs in a run directory, found and taken over by the lock that it holds.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/status.h"
#include "branching/instances/process_instance.h"
#include "branching/instances/run_directory.h"
#include "branching/instances/runtime.h"
#include "runtime/blocking_pool.h"
#include "runtime/task.h"

namespace prism::branching {

// How long what has just been started may take until it holds the lock and says its number, and how
// often that is looked at.
inline constexpr MonoNanos kIdentityPatience = kNanosPerSecond;
inline constexpr MonoNanos kIdentityInterval = 5 * kNanosPerMilli;

// Nothing when that process does not hold the lock (yet), as its descriptor 3.
std::optional<InstanceIdentity> Identify(const RunDirectory& directory, pid_t pid);

// UNAVAILABLE/INSTANCE_UNIDENTIFIED.
Error Unidentified(const RunDirectory& directory);

// On the shard that will have it. NOT_FOUND/INSTANCE_GONE.
runtime::Task<Result<std::unique_ptr<ProcessInstance>>> AdoptProcess(RunDirectory directory,
                                                                     InstanceIdentity identity,
                                                                     runtime::BlockingPool* pool);

}  // namespace prism::branching

// What runs the servers of branches, as the configuration says.
#pragma once

#include <memory>
#include <string>

#include "app/branching_settings.h"
#include "base/status.h"
#include "branching/instances/postgres_binaries.h"
#include "branching/instances/runtime.h"
#include "branching/instances/sandbox.h"
#include "runtime/blocking_pool.h"
#include "runtime/shard.h"
#include "telemetry/log.h"

namespace prism::app {

struct BranchRuntime {
  std::unique_ptr<branching::Runtime> runtime;
  branching::PostgresServers servers;  // that it can run
  branching::Isolation isolation;      // of processes; of containers the engine knows
};

// `run_directory`: what has the run directories of volumes. Warns of walls that there can't be.
// Blocks; not on a shard. Errors of PostgresServers::Find and ProcessRuntime::Make, or of
// DockerRuntime::Make.
Result<BranchRuntime> OpenBranchRuntime(const BranchingSettings& settings,
                                        const std::string& run_directory,
                                        branching::InstanceUser user, runtime::BlockingPool* pool,
                                        runtime::Shard& shard, telemetry::Logger& log);

// The servers of the machine: those in the directories that the settings name, or where they
// usually are.
Result<branching::PostgresServers> FindPostgres(const BranchingSettings& settings,
                                                runtime::Shard& shard);

}  // namespace prism::app

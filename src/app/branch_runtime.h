// What runs the servers of branches, as the configuration says.
#pragma once

#include <memory>
#include <string>

#include "app/branching_settings.h"
#include "base/status.h"
#include "branching/instances/launcher.h"
#include "branching/instances/postgres_binaries.h"
#include "branching/instances/runtime.h"
#include "branching/instances/sandbox.h"
#include "runtime/blocking_pool.h"
#include "runtime/shard.h"
#include "telemetry/log.h"

namespace prism::app {

struct Unprivileged;

struct BranchRuntime {
  std::unique_ptr<branching::Runtime> runtime;
  branching::PostgresServers servers;  // that it can run
  // Of programs beside servers; also of containers' sources.
  std::shared_ptr<const branching::Launcher> launcher;
};

// `run_directory`: what has the run directories of volumes. `unprivileged`: null when this process
// is what it was at its start. Warns of walls that there can't be. Blocks; not on a shard. Errors
// of PostgresServers::Find and ProcessRuntime::Make or HelpedLauncher::Make, or of
// DockerRuntime::Make.
Result<BranchRuntime> OpenBranchRuntime(const BranchingSettings& settings,
                                        const std::string& run_directory,
                                        branching::InstanceUser user, runtime::BlockingPool* pool,
                                        const Unprivileged* unprivileged, runtime::Shard& shard,
                                        telemetry::Logger& log);

// The servers of the machine: those in the directories that the settings name, or where they
// usually are.
Result<branching::PostgresServers> FindPostgres(const BranchingSettings& settings,
                                                runtime::Shard& shard);

}  // namespace prism::app

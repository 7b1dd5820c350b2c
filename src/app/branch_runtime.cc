#include "app/branch_runtime.h"

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "branching/containers/docker_runtime.h"
#include "branching/instances/cgroup_home.h"
#include "branching/instances/process_runtime.h"
#include "runtime/sync_wait.h"

namespace prism::app {
namespace {

Result<BranchRuntime> OpenProcesses(const BranchingSettings& settings, branching::InstanceUser user,
                                    runtime::BlockingPool* pool, runtime::Shard& shard,
                                    telemetry::Logger& log) {
  TRY_ASSIGN(branching::PostgresServers servers, FindPostgres(settings, shard));
  const auto cgroups = branching::CgroupHome::Open({.memory_bytes = settings.memory_limit});
  TRY_ASSIGN(std::unique_ptr<branching::ProcessRuntime> made,
             branching::ProcessRuntime::Make(user, pool, std::nullopt, cgroups));
  for (const auto& missing : {made->isolation().missing, cgroups.missing()}) {
    for (const std::string& one : missing) {
      log.Warn("servers of branches are less walled in", {{"missing", one}});
    }
  }
  branching::Isolation isolation = made->isolation();
  return BranchRuntime{
      .runtime = std::move(made), .servers = std::move(servers), .isolation = std::move(isolation)};
}

}  // namespace

Result<BranchRuntime> OpenBranchRuntime(const BranchingSettings& settings,
                                        const std::string& run_directory,
                                        branching::InstanceUser user, runtime::BlockingPool* pool,
                                        runtime::Shard& shard, telemetry::Logger& log) {
  if (!settings.docker) return OpenProcesses(settings, user, pool, shard, log);
  TRY_ASSIGN(std::unique_ptr<branching::DockerRuntime> made,
             branching::DockerRuntime::Make({.socket = settings.docker_socket,
                                             .image = settings.image,
                                             .network = settings.network,
                                             .limits = {.memory_bytes = settings.memory_limit},
                                             .home = run_directory},
                                            user, pool));
  auto servers = branching::PostgresServers::OfImage(made->server(), settings.image);
  return BranchRuntime{.runtime = std::move(made), .servers = std::move(servers), .isolation = {}};
}

Result<branching::PostgresServers> FindPostgres(const BranchingSettings& settings,
                                                runtime::Shard& shard) {
  const char* path = std::getenv("PATH");
  return runtime::RunOn(shard, [&settings, path] {
    return branching::PostgresServers::Find(settings.pg_bin_dirs, path != nullptr ? path : "");
  });
}

}  // namespace prism::app

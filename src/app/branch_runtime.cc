#include "app/branch_runtime.h"

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "app/unprivileged.h"
#include "branching/containers/docker_runtime.h"
#include "branching/instances/cgroup_home.h"
#include "branching/instances/process_runtime.h"
#include "branching/privileged/helped_launcher.h"
#include "runtime/sync_wait.h"

namespace prism::app {
namespace {

using branching::ProcessRuntime;

Result<std::unique_ptr<ProcessRuntime>> MakeRuntime(const BranchingSettings& settings,
                                                    branching::InstanceUser user,
                                                    runtime::BlockingPool* pool,
                                                    const Unprivileged* unprivileged) {
  if (unprivileged == nullptr) {
    return ProcessRuntime::Make(
        user, pool, std::nullopt,
        branching::CgroupHome::Open({.memory_bytes = settings.memory_limit}));
  }
  TRY_ASSIGN(auto launcher, branching::HelpedLauncher::Make(*unprivileged->helper, user));
  return std::make_unique<ProcessRuntime>(std::move(launcher), pool, unprivileged->cgroups);
}

Result<BranchRuntime> OpenProcesses(const BranchingSettings& settings, branching::InstanceUser user,
                                    runtime::BlockingPool* pool, const Unprivileged* unprivileged,
                                    runtime::Shard& shard, telemetry::Logger& log) {
  TRY_ASSIGN(branching::PostgresServers servers, FindPostgres(settings, shard));
  TRY_ASSIGN(std::unique_ptr<ProcessRuntime> made, MakeRuntime(settings, user, pool, unprivileged));
  const branching::Isolation& isolation = made->isolation();
  for (const auto& missing : {isolation.missing, made->cgroups().missing()}) {
    for (const std::string& one : missing) {
      log.Warn("servers of branches are less walled in", {{"missing", one}});
    }
  }
  if (!isolation.files || !isolation.processes) {
    log.Warn(
        "servers of branches are no walls apart from Prism, and whoever is superuser in a "
        "branch has what its user has: the data directory, secrets, this process");
  }
  auto launcher = made->launcher();
  return BranchRuntime{
      .runtime = std::move(made), .servers = std::move(servers), .launcher = std::move(launcher)};
}

}  // namespace

Result<BranchRuntime> OpenBranchRuntime(const BranchingSettings& settings,
                                        const std::string& run_directory,
                                        branching::InstanceUser user, runtime::BlockingPool* pool,
                                        const Unprivileged* unprivileged, runtime::Shard& shard,
                                        telemetry::Logger& log) {
  if (!settings.docker) return OpenProcesses(settings, user, pool, unprivileged, shard, log);
  TRY_ASSIGN(std::unique_ptr<branching::DockerRuntime> made,
             branching::DockerRuntime::Make({.socket = settings.docker_socket,
                                             .image = settings.image,
                                             .network = settings.network,
                                             .limits = {.memory_bytes = settings.memory_limit},
                                             .home = run_directory},
                                            user, pool));
  auto servers = branching::PostgresServers::OfImage(made->server(), settings.image);
  return BranchRuntime{
      .runtime = std::move(made),
      .servers = std::move(servers),
      .launcher = std::make_shared<const branching::OwnLauncher>(user, branching::Isolation{})};
}

Result<branching::PostgresServers> FindPostgres(const BranchingSettings& settings,
                                                runtime::Shard& shard) {
  const char* path = std::getenv("PATH");
  return runtime::RunOn(shard, [&settings, path] {
    return branching::PostgresServers::Find(settings.pg_bin_dirs, path != nullptr ? path : "");
  });
}

}  // namespace prism::app

// Servers as plain processes of this machine.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "branching/instances/cgroup_home.h"
#include "branching/instances/launcher.h"
#include "branching/instances/run_directory.h"
#include "branching/instances/runtime.h"
#include "branching/instances/sandbox.h"
#include "runtime/blocking_pool.h"

namespace prism::branching {

// The default runtime: `postgres` itself as an unprivileged user, in a session of its own, with as
// many walls around it as the system permits (Isolation). Any shard; the pool outlives it.
class ProcessRuntime final : public Runtime {
 public:
  // Without `isolation` finds out which walls there can be, which blocks for some milliseconds. As
  // root, servers run as `user`, which can't be root: INVALID_ARGUMENT/INSTANCE_USER_ROOT. Else
  // they run as we do, and another user is INVALID_ARGUMENT/INSTANCE_USER_OTHER.
  // `cgroups`: where each server gets one of its own.
  static Result<std::unique_ptr<ProcessRuntime>> Make(
      InstanceUser user, runtime::BlockingPool* pool,
      std::optional<Isolation> isolation = std::nullopt, CgroupHome cgroups = {});

  // Servers that the launcher starts.
  ProcessRuntime(std::shared_ptr<const Launcher> launcher, runtime::BlockingPool* pool,
                 CgroupHome cgroups = {})
      : launcher_(std::move(launcher)), cgroups_(std::move(cgroups)), pool_(pool) {}

  const std::shared_ptr<const Launcher>& launcher() const { return launcher_; }
  const Isolation& isolation() const { return launcher_->isolation(); }
  const CgroupHome& cgroups() const { return cgroups_; }

  runtime::Task<Result<std::unique_ptr<Instance>>> Start(InstanceSpec spec, MonoNanos deadline,
                                                         runtime::CancelSource* cancel) override;
  runtime::Task<Result<std::optional<InstanceIdentity>>> Find(std::string run_directory) override;
  runtime::Task<Result<std::unique_ptr<Instance>>> Adopt(std::string run_directory,
                                                         InstanceIdentity identity) override;
  runtime::Task<Result<ClusterControl>> ReadControl(std::string data_directory,
                                                    PostgresBinaries binaries) override;

 private:
  struct Launched;

  Result<Launched> Launch(const InstanceSpec& spec) const;
  Result<Cgroup> MakeCgroup(const RunDirectory& directory) const;

  std::shared_ptr<const Launcher> launcher_;
  CgroupHome cgroups_;
  runtime::BlockingPool* pool_;
};

}  // namespace prism::branching

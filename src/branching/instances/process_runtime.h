// Servers as plain processes of this machine.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "branching/instances/cgroup_home.h"
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

  const Isolation& isolation() const { return isolation_; }

  runtime::Task<Result<std::unique_ptr<Instance>>> Start(InstanceSpec spec, MonoNanos deadline,
                                                         runtime::CancelSource* cancel) override;
  runtime::Task<Result<std::optional<InstanceIdentity>>> Find(std::string run_directory) override;
  runtime::Task<Result<std::unique_ptr<Instance>>> Adopt(std::string run_directory,
                                                         InstanceIdentity identity) override;
  runtime::Task<Result<ClusterControl>> ReadControl(std::string data_directory,
                                                    PostgresBinaries binaries) override;

 private:
  struct Launched;

  ProcessRuntime(InstanceUser user, Isolation isolation, CgroupHome cgroups, int dumpable,
                 runtime::BlockingPool* pool)
      : user_(user),
        isolation_(std::move(isolation)),
        cgroups_(std::move(cgroups)),
        dumpable_(dumpable),
        pool_(pool) {}

  Result<Launched> Launch(const InstanceSpec& spec) const;
  Result<Cgroup> MakeCgroup(const RunDirectory& directory) const;

  InstanceUser user_;
  Isolation isolation_;
  CgroupHome cgroups_;
  int dumpable_;  // of this process, which starts would change (SpawnPlan)
  runtime::BlockingPool* pool_;
};

}  // namespace prism::branching

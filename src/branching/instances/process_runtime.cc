#include "branching/instances/process_runtime.h"

#include <fcntl.h>

#include <cstdint>
#include <filesystem>
#include <utility>
#include <vector>

#include "branching/instances/found_process.h"
#include "branching/instances/process_instance.h"
#include "branching/instances/process_tree.h"
#include "branching/instances/run_directory.h"
#include "branching/instances/server_start.h"
#include "runtime/spawn.h"
#include "runtime/wait.h"

namespace prism::branching {
namespace {

SandboxPaths PathsOf(const InstanceSpec& spec, const RunDirectory& directory) {
  // A server beside the system's has its libraries next to its programs.
  const std::string prefix =
      std::filesystem::path(spec.binaries.bin_directory).parent_path().string();
  return {.writable = {spec.volume, directory.socket_directory()},
          .read_only = {prefix, directory.server()}};
}

std::vector<std::string> Environment(const InstanceSpec& spec, const RunDirectory& directory) {
  // When the memory of its cgroup is used up one of its sessions is killed rather than the
  // postmaster, which then tells the others ("Linux Memory Overcommit" in PostgreSQL's manual).
  std::vector<std::string> environment{
      "PATH=" + spec.binaries.bin_directory + ":/usr/local/bin:/usr/bin:/bin",
      "PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj", "PG_OOM_ADJUST_VALUE=600"};
  std::string notify = NotifyVariable(spec, directory);
  if (!notify.empty()) environment.push_back(std::move(notify));
  return environment;
}

std::vector<int> Numbers(const std::vector<base::UniqueFd>& fds) {
  std::vector<int> numbers;
  for (const base::UniqueFd& fd : fds) numbers.push_back(fd.get());
  return numbers;
}

}  // namespace

struct ProcessRuntime::Launched {
  runtime::Spawned spawned;
  InstanceIdentity identity;
  Readiness readiness;
  std::uint64_t log_start = 0;  // where this start's words begin
};

// Recorded first: whatever happens then, it is found and removed.
Result<Cgroup> ProcessRuntime::MakeCgroup(const RunDirectory& directory) const {
  Cgroup cgroup = cgroups_.Of(directory.path());
  TRY(directory.RecordCgroup(cgroup));
  TRY(cgroups_.Make(cgroup));
  return cgroup;
}

// All of a start that blocks: some milliseconds.
Result<ProcessRuntime::Launched> ProcessRuntime::Launch(const InstanceSpec& spec) const {
  const RunDirectory directory(spec.run_directory);
  TRY_ASSIGN(PreparedStart prepared, PrepareStart(spec, directory, launcher_->user()));
  TRY_ASSIGN(const Cgroup cgroup, MakeCgroup(directory));
  TRY_ASSIGN(const std::vector<base::UniqueFd> members, cgroup.OpenMembers());
  const base::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const int log = prepared.log.get();
  TRY_ASSIGN(runtime::Spawned spawned,
             launcher_->Launch(
                 {.program = spec.binaries.Program("postgres"),
                  .argv = ServerCommand(spec, directory, launcher_->isolation().files),
                  .environment = Environment(spec, directory),
                  .paths = PathsOf(spec, directory),
                  .standard_fds = {null.get(), log, log},
                  .fourth_fd = prepared.lock.held.get(),
                  .records = {.process = prepared.lock.record.get(), .cgroups = Numbers(members)},
                  .outlives_us = true,
                  .shows_memory = spec.shows_memory}));
  // 0 when it has ended already, which its pidfd will tell.
  const InstanceIdentity identity{spawned.pid, ProcessStartTime(spawned.pid).value_or(0)};
  return Launched{std::move(spawned), identity, std::move(prepared.readiness), prepared.log_start};
}

Result<std::unique_ptr<ProcessRuntime>> ProcessRuntime::Make(InstanceUser user,
                                                             runtime::BlockingPool* pool,
                                                             std::optional<Isolation> isolation,
                                                             CgroupHome cgroups) {
  TRY(CheckInstanceUser(user));
  if (!isolation) isolation = ProbeIsolation(user);
  return std::make_unique<ProcessRuntime>(
      std::make_shared<const OwnLauncher>(user, *std::move(isolation)), pool, std::move(cgroups));
}

runtime::Task<Result<std::unique_ptr<Instance>>> ProcessRuntime::Start(
    InstanceSpec spec, MonoNanos deadline, runtime::CancelSource* cancel) {
  RunDirectory directory(spec.run_directory);
  const auto launch = [this, &spec] { return Launch(spec); };
  CO_TRY_ASSIGN(Result<Launched> launched, co_await pool_->Run(launch));
  if (!launched) co_return std::unexpected(std::move(launched).error());
  auto instance = std::make_unique<ProcessInstance>(
      directory, launched->identity, std::move(launched->spawned.pidfd), /*ours=*/true, pool_);
  co_return co_await AwaitReady(std::move(instance), std::move(launched->readiness),
                                launched->log_start, directory, pool_, deadline, cancel);
}

runtime::Task<Result<std::optional<InstanceIdentity>>> ProcessRuntime::Find(
    std::string run_directory) {
  const RunDirectory directory(std::move(run_directory));
  const MonoNanos deadline = MonotonicNow() + kIdentityPatience;
  do {
    CO_TRY_ASSIGN(const std::optional<pid_t> holder, directory.Holder());
    if (!holder) {
      // Of one that ended while nobody looked. What stays is tried again by the next start.
      CO_TRY(co_await pool_->Run([&directory] { (void)directory.RecordedCgroup().Remove(); }));
      co_return std::nullopt;
    }
    const std::optional<InstanceIdentity> identity = Identify(directory, *holder);
    if (identity) co_return identity;
    co_await runtime::SleepUntil(*runtime::Shard::Current(), MonotonicNow() + kIdentityInterval,
                                 nullptr);
  } while (MonotonicNow() < deadline);
  co_return std::unexpected(Unidentified(directory));
}

runtime::Task<Result<std::unique_ptr<Instance>>> ProcessRuntime::Adopt(std::string run_directory,
                                                                       InstanceIdentity identity) {
  co_return co_await AdoptProcess(RunDirectory(std::move(run_directory)), identity, pool_);
}

runtime::Task<Result<ClusterControl>> ProcessRuntime::ReadControl(std::string data_directory,
                                                                  PostgresBinaries binaries) {
  return ReadClusterControl(std::move(data_directory), std::move(binaries));
}

}  // namespace prism::branching

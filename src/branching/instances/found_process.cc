#include "branching/instances/found_process.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "base/unique_fd.h"
#include "branching/instances/process_pause.h"
#include "branching/instances/process_tree.h"

namespace prism::branching {
namespace {

// The descriptor by which each process of an instance holds the lock.
constexpr int kLockFd = 3;

Error Gone(InstanceIdentity identity) {
  return {Code::kNotFound, "INSTANCE_GONE",
          fmt::format("process {} is not the instance any more: it has ended; start it again",
                      identity.pid)};
}

}  // namespace

std::optional<InstanceIdentity> Identify(const RunDirectory& directory, pid_t pid) {
  const std::optional<std::uint64_t> start_time =
      pid > 0 ? ProcessStartTime(pid) : std::optional<std::uint64_t>();
  if (!start_time || !HasOpen(pid, kLockFd, directory.lock())) return std::nullopt;
  return InstanceIdentity{pid, *start_time};
}

Error Unidentified(const RunDirectory& directory) {
  return {Code::kUnavailable, "INSTANCE_UNIDENTIFIED",
          fmt::format("processes of the instance in {} run without their postmaster; they end by "
                      "themselves, else end who has {} open",
                      directory.path(), directory.lock())};
}

runtime::Task<Result<std::unique_ptr<ProcessInstance>>> AdoptProcess(RunDirectory directory,
                                                                     InstanceIdentity identity,
                                                                     runtime::BlockingPool* pool) {
  base::UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, identity.pid, 0)));
  // Compared after it was opened, when the number can't pass to another process any more.
  if (!pidfd || Identify(directory, identity.pid) != identity) {
    co_return std::unexpected(Gone(identity));
  }
  auto instance = std::make_unique<ProcessInstance>(std::move(directory), identity,
                                                    std::move(pidfd), /*ours=*/false, pool);
  CO_TRY(instance->Watch());
  CO_TRY(co_await instance->NoteSegments());
  // Whoever had it before may have been killed while it was paused.
  CO_TRY(co_await pool->Run([pid = identity.pid] { ResumeProcesses(pid); }));
  co_return std::move(instance);
}

}  // namespace prism::branching

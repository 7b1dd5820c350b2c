#include "branching/privileged/launch_work.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <cstddef>

namespace prism::branching::internal {
namespace {

constexpr std::size_t kStandardFds = 3;

std::unexpected<Error> Refused(const char* what) {
  return std::unexpected(Error(Code::kInvalidArgument, "PRIVILEGED_REQUEST", what));
}

// An open directory leads out of the walls.
Status CheckPassable(const base::UniqueFd& fd) {
  struct stat status = {};
  if (::fstat(fd.get(), &status) == 0 && !S_ISDIR(status.st_mode)) return {};
  return Refused("the privileged helper gives no directory to a program");
}

// It is written to by root: a file of the user, and none that the kernel reads.
Status CheckRecord(const base::UniqueFd& fd, InstanceUser user) {
  struct stat status = {};
  struct statfs system = {};
  if (::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == user.uid &&
      ::fstatfs(fd.get(), &system) == 0 &&
      static_cast<unsigned long>(system.f_type) != PROC_SUPER_MAGIC) {
    return {};
  }
  return Refused("the privileged helper writes into files of its user alone");
}

// The program writes into it, as the user.
Status CheckCgroup(const base::UniqueFd& fd) {
  struct statfs system = {};
  if (::fstatfs(fd.get(), &system) == 0 &&
      (static_cast<unsigned long>(system.f_type) == CGROUP_SUPER_MAGIC ||
       static_cast<unsigned long>(system.f_type) == CGROUP2_SUPER_MAGIC)) {
    return {};
  }
  return Refused("the privileged helper puts programs into cgroups alone");
}

std::vector<std::string> Strings(const auto& words) { return {words.begin(), words.end()}; }

}  // namespace

std::size_t DescriptorsOf(const privileged::Launch& launch) {
  return kStandardFds + (launch.has_fourth() ? 1 : 0) + (launch.has_record() ? 1 : 0) +
         launch.cgroups();
}

Result<runtime::Spawned> LaunchFor(const privileged::Launch& launch,
                                   std::span<const base::UniqueFd> fds, const Launcher& launcher) {
  WalledProgram program{
      .program = launch.program(),
      .argv = Strings(launch.argv()),
      .environment = Strings(launch.environment()),
      .paths = {.writable = Strings(launch.writable()), .read_only = Strings(launch.read_only())},
      .standard_fds = {fds[0].get(), fds[1].get(), fds[2].get()},
      .outlives_us = launch.outlives_us(),
      .shows_memory = launch.shows_memory()};
  for (const base::UniqueFd& fd : fds) TRY(CheckPassable(fd));
  std::size_t next = kStandardFds;
  if (launch.has_fourth()) program.fourth_fd = fds[next++].get();
  if (launch.has_record()) {
    TRY(CheckRecord(fds[next], launcher.user()));
    program.records.process = fds[next++].get();
  }
  for (const base::UniqueFd& cgroup : fds.subspan(next)) {
    TRY(CheckCgroup(cgroup));
    program.records.cgroups.push_back(cgroup.get());
  }
  return launcher.Launch(program);
}

}  // namespace prism::branching::internal

#include "branching/instances/cgroup.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>

#include "base/os_error.h"

namespace prism::branching {

// A thread that moves itself alone, which only version 1 lets it, waits for nobody. Whoever moves a
// process waits until all CPUs have passed through the scheduler (cgroup_threadgroup_rwsem, an RCU
// grace period): 6 to 25 ms instead of 0.4.
std::vector<std::string> Cgroup::MemberFiles() const {
  std::vector<std::string> files;
  for (const std::string& directory : directories_) {
    const std::string tasks = directory + "/tasks";
    files.push_back(::access(tasks.c_str(), F_OK) == 0 ? tasks : directory + "/cgroup.procs");
  }
  return files;
}

Result<std::vector<base::UniqueFd>> Cgroup::OpenMembers() const {
  std::vector<base::UniqueFd> members;
  for (const std::string& path : MemberFiles()) {
    members.emplace_back(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!members.back()) {
      return std::unexpected(base::OsError(errno, "CGROUP_FILES", "opening " + path));
    }
  }
  return members;
}

bool Cgroup::RanOutOfMemory() const {
  const auto has_killed = [](const std::string& path) {
    std::ifstream file(path);
    std::string key;
    std::uint64_t count = 0;
    while (file >> key >> count) {
      if (key == "oom_kill") return count > 0;
    }
    return false;
  };
  return std::ranges::any_of(directories_, [&has_killed](const std::string& directory) {
    return has_killed(directory + "/memory.oom_control") ||  // of version 1
           has_killed(directory + "/memory.events");
  });
}

Status Cgroup::Remove() const {
  for (const std::string& directory : directories_) {
    if (::rmdir(directory.c_str()) != 0 && errno != ENOENT) {
      return std::unexpected(base::OsError(errno, "CGROUP_FILES", "removing " + directory));
    }
  }
  return {};
}

}  // namespace prism::branching

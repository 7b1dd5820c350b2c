// The part of starting a program that knows fork and exec. For Subprocess only.
#pragma once

#include <sys/types.h>

#include <array>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace prism::runtime::internal {

struct SpawnPlan {
  std::string program;  // a path
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // NAME=value
  std::string working_directory;         // empty: ours
  std::array<int, 3> standard_fds;       // what becomes 0, 1 and 2; the same number: as it is here
};

struct Spawned {
  pid_t pid;
  base::UniqueFd pidfd;
};

// Starts the program as the leader of a process group, killed by the kernel when this thread ends,
// with default signal handling and no descriptors but the three. The calling thread stops until the
// program is executing (a millisecond or so). Errors as Subprocess::Start.
Result<Spawned> Spawn(const SpawnPlan& plan);

// The path of a program as the shell finds it: as given when there is a slash in it, else the first
// executable of that name in `search_path` (a PATH). NOT_FOUND/PROGRAM_NOT_FOUND.
Result<std::string> FindProgram(const std::string& name, const std::string& search_path);

}  // namespace prism::runtime::internal

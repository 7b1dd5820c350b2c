// The part of starting a program that knows clone and exec: what Subprocess stands on, and those
// who start programs that outlive the process or are walled in. Blocks until the program is
// executing.
#pragma once

#include <sys/types.h>

#include <array>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace prism::runtime {

// What a child does on its own before it becomes the program. Made by the parent, used by a child
// that shares the parent's memory while the parent's thread waits.
class ChildSetup {
 public:
  // In the child: system calls only, nothing allocated, no lock taken, and those calls raw that
  // libc spreads over all threads (setuid and its kin). The number of the step that failed, with
  // errno set, or -1 when all are done.
  virtual int Run() const noexcept = 0;
  // In the parent: what step `number` was, for the error ("mounting /usr").
  virtual std::string Describe(int number) const = 0;

 protected:
  ~ChildSetup() = default;
};

struct SpawnPlan {
  std::string program;  // a path
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // NAME=value
  std::string working_directory;         // empty: ours
  std::array<int, 3> standard_fds;       // what becomes 0, 1 and 2; the same number: as it is here
  int fourth_fd = -1;                    // what becomes 3, above 3 here; -1: nothing
  // Leads a session of its own and stays when this thread or process ends.
  bool outlives_us = false;
  // It becomes a child of our parent, who reaps it; also when it can't become the program, and then
  // the error has its number as "process".
  bool for_our_parent = false;
  unsigned long namespaces = 0;       // CLONE_NEW* of clone(2)
  const ChildSetup* setup = nullptr;  // runs before the working directory is entered
  // PR_SET_DUMPABLE of this process from then on. A setup that changes the user takes it from the
  // memory that the child shares with us; several at once can't tell what it was. -1: as it is.
  int dumpable = -1;
};

struct Spawned {
  pid_t pid;
  base::UniqueFd pidfd;
};

// Another way to have programs started: by a process that may do more.
class Spawner {
 public:
  // As Spawn, of a plan without namespaces, setup and dumpable, which it has of its own.
  virtual Result<Spawned> Spawn(const SpawnPlan& plan) const = 0;

 protected:
  ~Spawner() = default;
};

// Starts the program as the leader of a process group, killed by the kernel when this thread ends
// unless it outlives us, with default signal handling and no descriptors but those of the plan. The
// calling thread stops until the program is executing (a millisecond or so). SUBPROCESS_START with
// what the system refused.
Result<Spawned> Spawn(const SpawnPlan& plan);

// The path of a program as the shell finds it: as given when there is a slash in it, else the first
// executable of that name in `search_path` (a PATH). NOT_FOUND/PROGRAM_NOT_FOUND.
Result<std::string> FindProgram(const std::string& name, const std::string& search_path);

}  // namespace prism::runtime

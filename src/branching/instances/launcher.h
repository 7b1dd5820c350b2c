// How programs get behind the walls.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/status.h"
#include "branching/instances/sandbox.h"
#include "runtime/spawn.h"

namespace prism::branching {

struct WalledProgram {
  std::string program;                   // a path
  std::vector<std::string> argv;         // with its name
  std::vector<std::string> environment;  // NAME=value
  SandboxPaths paths;
  std::array<int, 3> standard_fds;
  int fourth_fd = -1;  // what becomes 3; -1: nothing
  SandboxRecords records = {};
  bool outlives_us = false;
  bool shows_memory = false;  // its System V shared memory is that of the machine
};

// Immutable; any thread.
class Launcher {
 public:
  virtual ~Launcher() = default;

  // The walls that there are, and whom programs run as.
  virtual const Isolation& isolation() const = 0;
  virtual InstanceUser user() const = 0;
  // Starts the program behind them, a child of this process. Blocks for some milliseconds.
  // SUBPROCESS_START.
  virtual Result<runtime::Spawned> Launch(const WalledProgram& program) const = 0;
};

// By this process itself, which builds the walls that it may build.
class OwnLauncher final : public Launcher {
 public:
  // `for_our_parent`: see SpawnPlan.
  OwnLauncher(InstanceUser user, Isolation isolation, bool for_our_parent = false);

  const Isolation& isolation() const override { return isolation_; }
  InstanceUser user() const override { return user_; }
  Result<runtime::Spawned> Launch(const WalledProgram& program) const override;

 private:
  const InstanceUser user_;
  const Isolation isolation_;
  const bool for_our_parent_;
  const int dumpable_;  // of this process, which starts would change (SpawnPlan)
};

}  // namespace prism::branching

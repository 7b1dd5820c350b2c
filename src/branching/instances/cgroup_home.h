// Where the cgroups of servers are: in one of ours, below that of this process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "branching/instances/cgroup.h"
#include "branching/instances/sandbox.h"

namespace prism::branching {

// Of one server.
struct ServerLimits {
  // With its shared memory and what the system keeps of its files, which goes first. 0: no limit.
  std::uint64_t memory_bytes = 0;
  int processes = 1024;  // sessions, which are 100 at most, and what they start
};

// A controller of this machine, by what /proc says of a process.
struct CgroupController {
  std::string name;       // "memory"
  int version = 0;        // 1: a hierarchy of its own; 2: the one that all others are in
  std::string directory;  // of the process
  friend bool operator==(const CgroupController&, const CgroupController&) = default;
};

// Those of `names` that there are, from /proc/PID/mountinfo and /proc/PID/cgroup (cgroups(7)). With
// version 2 all of them: which it has is said by its directory.
std::vector<CgroupController> FindCgroupControllers(const std::vector<std::string>& names,
                                                    std::string_view mounts,
                                                    std::string_view memberships);

// Immutable; any thread. Everything blocks shortly.
class CgroupHome {
 public:
  // Nothing is limited.
  CgroupHome() = default;
  // Finds what this process may limit, by trying. With version 2 it moves to `gateway` in ours: a
  // cgroup may limit others below it only when no process is in it itself. Whoever started us in a
  // cgroup `gateway` has left the one above it to us (DelegateSubgroup= of systemd), which is ours
  // then. `proc`: what says where we are.
  static CgroupHome Open(const ServerLimits& limits, const std::string& proc = "/proc/self");
  // As root, for the user, who makes, enters and removes cgroups of servers then: ours is his. With
  // version 2 only this process, and what it starts from now on, may enter them as that user.
  static CgroupHome OpenFor(InstanceUser user, const ServerLimits& limits,
                            const std::string& proc = "/proc/self");

  // What can't be limited, and why.
  const std::vector<std::string>& missing() const { return missing_; }

  // The cgroup of a server by its run directory, which is there; of no other one. Made by Make.
  Cgroup Of(const std::string& run_directory) const;
  // With its limits. CGROUP_FILES.
  Status Make(const Cgroup& cgroup) const;

 private:
  struct Setting {
    std::string file;
    std::string value;
    bool must_be_there;
  };
  // A directory of ours, and what is written in each one below it.
  struct Place {
    std::string directory;
    std::vector<Setting> settings;
  };

  static CgroupHome Find(std::optional<InstanceUser> user, const ServerLimits& limits,
                         const std::string& proc);
  void Add(const CgroupController& controller, std::vector<Setting> settings);
  Status Prepare(const CgroupController& controller, const std::string& ours) const;

  std::optional<InstanceUser> user_;  // whose ours is; nobody: this process's
  std::vector<Place> places_;
  std::vector<std::string> missing_;
};

}  // namespace prism::branching

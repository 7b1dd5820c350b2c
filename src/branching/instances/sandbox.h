// The walls around a server, which its superuser can't take down.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "runtime/spawn.h"

namespace prism::branching {

// Who a server runs as.
struct InstanceUser {
  uid_t uid = 0;
  gid_t gid = 0;
};

// Which walls this machine lets us build. What is missing has its reason, for `doctor` and logs.
struct Isolation {
  // Only the system's programs and libraries (read-only), the volume and the socket exist.
  bool files = false;
  // Loopback alone, and one of its own: no other host, no service of this one.
  bool network = false;
  // No process but its own is seen or signalled, no shared memory but its own exists; all of them
  // end with the postmaster.
  bool processes = false;
  std::vector<std::string> missing;
  bool complete() const { return files && network && processes; }
};

// What of the file system a server gets besides the system's own directories.
struct SandboxPaths {
  std::vector<std::string> writable;   // directories
  std::vector<std::string> read_only;  // directories
};

// What the child writes on its way, into open files.
struct SandboxRecords {
  // Its process number, in decimal, before it can be lost. -1: nowhere.
  int process = -1;
  // Of cgroups that it enters (Cgroup::OpenMembers).
  std::vector<int> cgroups = {};
};

// The child's way from our fork to the program: namespaces, mounts, limits, user. Immutable; made
// in the parent, since the child may allocate nothing.
class Sandbox final : public runtime::ChildSetup {
 public:
  // `shows_memory`: its System V shared memory is that of the machine.
  Sandbox(const Isolation& isolation, InstanceUser user, const SandboxPaths& paths,
          SandboxRecords records = {}, bool shows_memory = false);

  unsigned long namespaces() const { return namespaces_; }
  int Run() const noexcept override;
  std::string Describe(int step) const override;

 private:
  struct Mount {
    enum class Kind : unsigned char {
      kDirectory,
      kFile,
      kLink,    // source is what it contains
      kMemory,  // source are the options of a tmpfs
      kDevice,
      kWritable,
      kReadOnly,
      kProcesses,
    };
    Kind kind;
    std::string source;
    std::string target;  // as the server sees it
  };
  void PlanMounts(const SandboxPaths& paths);
  void AddSystem();
  void Add(Mount::Kind kind, std::string source, std::string_view target);
  void AddDirectory(std::string_view path);  // with those above it
  void AddBind(Mount::Kind kind, const std::string& path);
  bool Apply(const Mount& mount) const noexcept;
  bool Bind(const Mount& mount, std::uint64_t attributes) const noexcept;
  int EnterFiles() const noexcept;
  bool EnterCgroups() const noexcept;

  InstanceUser user_;
  bool as_root_;
  Isolation isolation_;
  unsigned long namespaces_ = 0;
  SandboxRecords records_;
  std::string uid_map_;  // of the user namespace, without which only root gets the others
  std::string gid_map_;
  std::vector<Mount> mounts_;
};

// Tries each wall with a program that does nothing. Blocks for some milliseconds.
Isolation ProbeIsolation(InstanceUser user);

}  // namespace prism::branching

// What runs the PostgreSQL server of a branch: one interface for every way to run it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "branching/instances/data_directory.h"
#include "branching/instances/instance_settings.h"
#include "branching/instances/postgres_binaries.h"
#include "runtime/cancel.h"
#include "runtime/task.h"

namespace prism::branching {

// One server to run. Paths are absolute and free of symbolic links.
struct InstanceSpec {
  // All that the server may write: the data directory, and tablespaces beside it.
  std::string volume;
  // PGDATA: the volume or a directory in it. Its owner is the user that the runtime runs it as.
  std::string data_directory;
  // Ours, one for each data directory and for as long as that exists: lock, log, socket and rules
  // (run_directory.h). Made when missing. At most 84 bytes, so that the socket's path fits.
  std::string run_directory;
  PostgresBinaries binaries;
  InstanceSettings settings;
  // People know the data directory and may start a server on it, which has to see that this one
  // runs: PostgreSQL looks for its shared memory (PGSharedMemoryIsInUse).
  bool shows_memory = false;
};

// Which process an instance is, across restarts of ours and reuse of process numbers.
struct InstanceIdentity {
  pid_t pid = 0;  // of the postmaster, as the host counts
  std::uint64_t start_time =
      0;  // field 22 of /proc/PID/stat: clock ticks since the machine started
  friend bool operator==(const InstanceIdentity&, const InstanceIdentity&) = default;
};

struct InstanceUsage {
  int processes = 0;
  std::uint64_t memory_bytes = 0;  // sum of the proportional set sizes (PSS)
};

// How long each way to stop may take before the next one is tried, in nanoseconds.
struct StopPatience {
  MonoNanos fast = 10 * kNanosPerSecond;      // sessions are ended, a checkpoint is written
  MonoNanos immediate = 5 * kNanosPerSecond;  // no checkpoint: the next start recovers
};

enum class StopKind : std::uint8_t {
  kFast,       // clean: the next start has nothing to recover
  kImmediate,  // as after a loss of power
  kKilled,
  kGone,  // it had ended by itself
};

// Runs `work` while nothing else does of what it is about, and answers what that did.
using WhileStill = std::function<Status(const std::function<Status()>& work)>;

// A running or ended server. Belongs to the shard that it was started or adopted on; everything is
// called there. Destroying it leaves the server running (that is how branches survive us); until
// the process ends too, an ended server that nobody holds stays a zombie.
class Instance {
 public:
  virtual ~Instance() = default;

  virtual InstanceIdentity identity() const = 0;
  // The unix socket that takes connections; any user, no password: its directory is the guard.
  virtual const std::string& socket_path() const = 0;
  virtual const std::string& log_path() const = 0;
  virtual bool running() const = 0;

  // Completes with a sentence about how it ended, by an event of the kernel. Any number of waiters.
  // DEADLINE_EXCEEDED/INSTANCE_DEADLINE and CANCELLED/CANCELLED leave it running.
  virtual runtime::Task<Result<std::string>> WaitForEnd(MonoNanos deadline,
                                                        runtime::CancelSource* cancel) = 0;
  // Fast, then immediate, then by SIGKILL; afterwards no process, shared memory or socket of it is
  // left. INTERNAL/INSTANCE_STUCK when even SIGKILL had no effect for 10 s.
  virtual runtime::Task<Result<StopKind>> Stop(StopPatience patience) = 0;
  virtual runtime::Task<Result<InstanceUsage>> Usage() = 0;

  // Stops all its processes while some work runs, so that what they have written till then is all
  // there is; sessions notice a delay. Any thread, several at once, after this object too; blocks.
  // UNAVAILABLE/INSTANCE_ENDED: before or meanwhile, so that what the work did is of no use.
  // DEADLINE_EXCEEDED/INSTANCE_NOT_PAUSED after 2 s: nothing was done.
  virtual WhileStill pauser() const = 0;
};

class Runtime {
 public:
  virtual ~Runtime() = default;

  // Starts the server and waits until it takes connections. Whatever the outcome, nothing runs when
  // there is no instance in it. Errors:
  //   FAILED_PRECONDITION/INSTANCE_RUNNING: the data directory is in use by an instance
  //   FAILED_PRECONDITION/INSTANCE_START_FAILED: the server ended; its last words, metadata "log"
  //   FAILED_PRECONDITION/PRELOAD_LIBRARY_MISSING: a library that the settings name, metadata
  //   RESOURCE_EXHAUSTED: OUT_OF_MEMORY, DISK_FULL
  //   CGROUP_FILES: what the system refused to limit it with
  //   DEADLINE_EXCEEDED/INSTANCE_START_DEADLINE, CANCELLED/CANCELLED
  //   INSTANCE_FILES, SUBPROCESS_START: what the system refused
  virtual runtime::Task<Result<std::unique_ptr<Instance>>> Start(InstanceSpec spec,
                                                                 MonoNanos deadline,
                                                                 runtime::CancelSource* cancel) = 0;

  // The instance that runs in this run directory, also one whose start was never recorded because
  // we died meanwhile; nothing when none runs. UNAVAILABLE/INSTANCE_UNIDENTIFIED when something
  // holds the lock and says not what it is.
  virtual runtime::Task<Result<std::optional<InstanceIdentity>>> Find(
      std::string run_directory) = 0;

  // Takes over a running instance. NOT_FOUND/INSTANCE_GONE when that process does not exist any
  // more (whatever has its number now is not it).
  virtual runtime::Task<Result<std::unique_ptr<Instance>>> Adopt(std::string run_directory,
                                                                 InstanceIdentity identity) = 0;

  // What pg_control of a data directory says that no server has open; `binaries` are of its major.
  // FAILED_PRECONDITION/CONTROL_FILE_UNREADABLE.
  virtual runtime::Task<Result<ClusterControl>> ReadControl(std::string data_directory,
                                                            PostgresBinaries binaries) = 0;
};

}  // namespace prism::branching

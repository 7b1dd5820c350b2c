// What we keep beside a data directory for its server.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"
#include "branching/instances/cgroup.h"
#include "branching/instances/sandbox.h"

namespace prism::branching {

// The names in a run directory:
//   lock     held by every process of the instance, so free when none is left, however they ended;
//            contains the number of the postmaster
//   log      what the server prints, which appends to it; what was before is log.1
//   cgroup   the directories of its cgroups, a line each
//   server/  the server may read it: pg_hba.conf, pg_ident.conf, postgresql.conf
//   socket/  the server's alone (0700): its socket
class RunDirectory {
 public:
  explicit RunDirectory(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  std::string lock() const { return path_ + "/lock"; }
  std::string log() const { return path_ + "/log"; }
  std::string cgroup() const { return path_ + "/cgroup"; }
  std::string server() const { return path_ + "/server"; }
  std::string socket_directory() const { return path_ + "/socket"; }
  std::string socket() const { return socket_directory() + "/.s.PGSQL.5432"; }
  std::string notify_socket() const { return socket_directory() + "/notify"; }

  // Makes what is missing, the rules too. INVALID_ARGUMENT/RUN_DIRECTORY_TOO_LONG,
  // INSTANCE_FILES. Blocks, as all here.
  Status Prepare(InstanceUser user) const;

  struct Lock {
    base::UniqueFd held;    // read-only: the server inherits it
    base::UniqueFd record;  // for Sandbox
  };
  // FAILED_PRECONDITION/INSTANCE_RUNNING.
  Result<Lock> Acquire() const;
  // What holds the lock: nothing, or the number in it (0 while it is not written yet).
  Result<std::optional<pid_t>> Holder() const;

  // The cgroups of the server that is about to start; those of the last one.
  Status RecordCgroup(const Cgroup& cgroup) const;
  Cgroup RecordedCgroup() const;

  // The log, opened for appending; one that has grown beyond 1 MiB is renamed to log.1 first.
  Result<base::UniqueFd> OpenLog() const;
  // What of a log is kept when it has grown beyond kMostLog while its server runs.
  static constexpr std::uint64_t kMostLog = std::uint64_t{16} << 20;
  static constexpr std::uint64_t kKeptLog = std::uint64_t{1} << 20;
  // Copies its last kKeptLog bytes to log.1 and empties it, whoever writes it; what is written
  // meanwhile may be lost. Nothing when it is smaller or not there. INSTANCE_FILES.
  Status BoundLog() const;
  // The end of the log from this offset on, at most 4 KiB of whole lines.
  std::string LogTail(std::uint64_t from) const;

 private:
  std::string path_;
};

}  // namespace prism::branching

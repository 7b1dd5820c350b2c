// Which PostgreSQL servers this machine can run.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "runtime/task.h"

namespace prism::branching {

struct PostgresBinaries {
  int major = 0;              // 15
  std::string version;        // "15.20 (Debian 15.20-0+deb12u1)"
  std::string bin_directory;  // absolute, without symbolic links
  bool notifies = false;      // says by sd_notify(3) when it is ready: built with systemd support
  std::string Program(std::string_view name) const {
    return bin_directory + "/" + std::string(name);
  }
};

// Reads what `postgres --version` prints: "postgres (PostgreSQL) 15.20 (Debian 15.20-1)". Betas and
// development versions ("18beta1", "19devel") too. Directory is not filled in.
// FAILED_PRECONDITION/POSTGRES_VERSION.
Result<PostgresBinaries> ParsePostgresVersion(std::string_view text);

// The servers found at start. Immutable.
class PostgresServers {
 public:
  // Asks each `postgres` of these directories for its version, in their order, and takes the first
  // one of each major. With no directories: /usr/lib/postgresql/*/bin, then those of `search_path`
  // (a PATH). A named directory without a server is an error, NOT_FOUND/POSTGRES_NOT_FOUND; finding
  // none at all is not.
  static runtime::Task<Result<PostgresServers>> Find(std::vector<std::string> directories,
                                                     std::string search_path);

  // The one server of a container's image, found there.
  static PostgresServers OfImage(PostgresBinaries server, const std::string& image);

  // The server for a data directory of this major. FAILED_PRECONDITION/POSTGRES_MAJOR_MISSING names
  // what was found and what to do.
  Result<PostgresBinaries> ForMajor(int major) const;

  const std::vector<PostgresBinaries>& all() const { return servers_; }

 private:
  std::vector<PostgresBinaries> servers_;
  std::string image_;  // empty: they are of this machine
};

}  // namespace prism::branching

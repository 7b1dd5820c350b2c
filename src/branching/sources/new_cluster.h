// A new cluster of PostgreSQL.
#pragma once

#include <atomic>
#include <string>

#include "base/status.h"
#include "branching/instances/postgres_programs.h"
#include "runtime/task.h"

namespace prism::branching {

// initdb in an empty directory of the servers' user: UTF-8, checksums, and text sorted by its code
// points, which all machines do alike. The superuser has no password.
// FAILED_PRECONDITION/INITDB_FAILED with its first error, and what PostgresPrograms::Run answers.
// Without `synchronise` a loss of power may cost it.
runtime::Task<Status> MakeCluster(const PostgresPrograms* programs, PostgresBinaries binaries,
                                  std::string directory, std::string superuser, bool synchronise,
                                  const std::atomic<bool>* stop);

}  // namespace prism::branching

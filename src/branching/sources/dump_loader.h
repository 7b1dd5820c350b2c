// The programs that load a dump through a server.
#pragma once

#include <atomic>
#include <string>

#include "base/status.h"
#include "branching/instances/postgres_programs.h"
#include "branching/sources/dump_file.h"
#include "runtime/task.h"

namespace prism::branching {

// The server to load into.
struct DumpTarget {
  PostgresBinaries binaries;
  std::string socket_path;
  std::string superuser;  // that connects, and who what is loaded belongs to at first
};

// psql or pg_restore, up to the first error: FAILED_PRECONDITION/DUMP_NOT_LOADED with that, in
// which are no values of the data. Scripts say themselves whose the objects are; of archives owners
// and grants are left out unless `with_owners`. Errors of PostgresPrograms::Run.
runtime::Task<Status> LoadDump(const PostgresPrograms* programs, DumpTarget target, DumpFile dump,
                               bool with_owners, const std::atomic<bool>* stop);

// Once for all branches: the planner's statistics, and rows that need no second look. Answers as
// LoadDump does.
runtime::Task<Status> AnalyzeAll(const PostgresPrograms* programs, DumpTarget target,
                                 const std::atomic<bool>* stop);

// The major version of PostgreSQL that an archive was taken from, by pg_restore.
// FAILED_PRECONDITION: DUMP_OF_NEWER_MAJOR, NOT_A_DUMP.
runtime::Task<Result<int>> ReadArchiveMajor(const PostgresPrograms* programs,
                                            PostgresBinaries newest, DumpFile dump,
                                            const std::atomic<bool>* stop);

}  // namespace prism::branching

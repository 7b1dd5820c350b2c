// PostgreSQL's own programs beside its servers: initdb, psql, pg_restore, pg_basebackup.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "branching/instances/launcher.h"
#include "branching/instances/postgres_binaries.h"
#include "runtime/subprocess.h"
#include "runtime/task.h"

namespace prism::branching {

struct PostgresProgram {
  PostgresBinaries binaries;
  std::string name;                    // "initdb"
  std::vector<std::string> arguments;  // after the name
  // Directories that it gets beside the system's: all others are out of its sight.
  std::vector<std::string> writable = {};
  std::vector<std::string> read_only = {};
  // A file that we may read and that it reads as its standard input; empty: nothing.
  std::string input = {};
};

// Runs them as servers run: as their user and behind their walls, since a dump can have commands
// for the shell in it. Immutable; on any shard.
class PostgresPrograms {
 public:
  explicit PostgresPrograms(std::shared_ptr<const Launcher> launcher)
      : launcher_(std::move(launcher)) {}

  // What it prints is in the C locale: the first MiB of its errors, and of its output when that is
  // asked for, which is dropped otherwise. An end with an error is a result, not an error.
  // CANCELLED/TRANSFER_CANCELLED soon after `stop` is set, which outlives the task; errors of
  // Subprocess::Start.
  runtime::Task<Result<runtime::ProgramResult>> Run(PostgresProgram program,
                                                    const std::atomic<bool>* stop,
                                                    bool keep_output = false) const;

 private:
  const std::shared_ptr<const Launcher> launcher_;
};

}  // namespace prism::branching

// What branches are made with.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "branching/branches/journal.h"
#include "branching/instances/postgres_binaries.h"
#include "branching/instances/runtime.h"
#include "branching/storage/storage.h"
#include "runtime/blocking_pool.h"
#include "telemetry/log.h"

namespace prism::branching {

// All of it outlives who uses it.
struct Workshop {
  Journal& journal;
  Storage& storage;
  Runtime& runtime;
  runtime::BlockingPool& pool;
  Clock& clock;
  telemetry::Logger& logger;
  PostgresServers servers;
  std::string run_directory;           // one below it for each volume that runs
  std::string superuser = "postgres";  // of the source: who may read the passwords' verifiers
  MonoNanos start_timeout = 60 * kNanosPerSecond;  // of a server, recovery included

  // For tests: called between the steps that a killed process may have stopped at, with the name of
  // the one that is done. On whatever thread did it.
  std::function<void(std::string_view step)> after_step = {};

  void After(std::string_view step) const {
    if (after_step) after_step(step);
  }
  // After a power cut a volume may be gone that was there. Blocks. STORE_UNREADABLE with what the
  // system said.
  Result<bool> HasVolume(std::string_view volume) const;
  std::string RunDirectoryOf(std::string_view volume) const;
  // With what is above it. Blocks. RUN_DIRECTORY_MISSING with what the system said.
  Status MakeRunDirectories() const;
  // When no server of the volume runs any more. Blocks. RUN_DIRECTORY_STAYS with what the system
  // said.
  Status RemoveRunDirectory(std::string_view volume) const;
};

}  // namespace prism::branching

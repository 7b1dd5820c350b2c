// Everything that branches are made with, opened in order.
#pragma once

#include <memory>
#include <string>

#include "app/branching_settings.h"
#include "base/clock.h"
#include "base/status.h"
#include "branching/branches/journal.h"
#include "branching/branches/workshop.h"
#include "branching/instances/postgres_programs.h"
#include "branching/instances/runtime.h"
#include "branching/storage/storage.h"
#include "runtime/blocking_pool.h"
#include "runtime/shard.h"
#include "sqlite/database.h"
#include "sqlite/executor.h"
#include "sqlite/plain_database.h"
#include "telemetry/log.h"

namespace prism::app {

struct Unprivileged;

// The journal, in a directory of ours.
std::string BranchJournalFile(const std::string& directory);
std::string BranchRunDirectory(const std::string& directory);

// Life cycle: Open, Stop (or the destructor), destroy. Thread rule: one control thread that is no
// shard; what is in the workshop says its own.
class BranchWorkshop {
 public:
  // All of it outlives the workshop; the shard is running.
  struct Parts {
    const BranchingSettings& settings;
    std::string directory;  // ours, and there: journal and run directories
    runtime::Shard& shard;
    Clock& clock;
    telemetry::Logger& log;
    const Unprivileged* unprivileged = nullptr;  // null: this process is what it was at its start
  };

  // Errors: NOT_FOUND/USER_NOT_FOUND, and those of OpenBranchStore, OpenBranchRuntime
  // and the journal.
  static Result<std::unique_ptr<BranchWorkshop>> Open(const Parts& parts);
  BranchWorkshop(const BranchWorkshop&) = delete;
  BranchWorkshop& operator=(const BranchWorkshop&) = delete;
  ~BranchWorkshop() { Stop(); }

  branching::Workshop& operator*() { return *workshop_; }
  const branching::PostgresPrograms& programs() const { return *programs_; }
  // Whom servers and programs run as.
  branching::InstanceUser user() const { return user_; }
  // Waits for what runs on the pool; nothing is taken any more.
  void Stop() { pool_.Stop(); }

 private:
  explicit BranchWorkshop(const Parts& parts);
  Status OpenAll(const Parts& parts);

  runtime::BlockingPool pool_;
  sqlite::Executor executor_;
  sqlite::PlainKind kind_;
  std::unique_ptr<sqlite::Database> database_;
  branching::Journal journal_;
  branching::InstanceUser user_;
  std::unique_ptr<branching::Runtime> runtime_;
  std::unique_ptr<branching::PostgresPrograms> programs_;
  std::unique_ptr<branching::Storage> storage_;
  std::unique_ptr<branching::Workshop> workshop_;
};

}  // namespace prism::app

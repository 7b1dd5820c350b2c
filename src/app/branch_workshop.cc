#include "app/branch_workshop.h"

#include <utility>

#include "app/branch_runtime.h"
#include "app/branch_store.h"
#include "app/branch_user.h"

namespace prism::app {

namespace {

constexpr int kPoolThreads = 8;
constexpr std::size_t kPoolQueue = 4096;  // one clone for each branch that is wanted at once

}  // namespace

std::string BranchJournalFile(const std::string& directory) { return directory + "/branches.db"; }

std::string BranchRunDirectory(const std::string& directory) { return directory + "/run"; }

BranchWorkshop::BranchWorkshop(const Parts& parts)
    : pool_(kPoolThreads, kPoolQueue),
      executor_({.writer_threads = 1, .reader_threads = 1, .max_open_files = 2}),
      kind_({branching::Journal::Part()}),
      database_(executor_.Make({.path = BranchJournalFile(parts.directory), .foreign_keys = true},
                               kind_, nullptr)),
      journal_(*database_) {}

Result<std::unique_ptr<BranchWorkshop>> BranchWorkshop::Open(const Parts& parts) {
  std::unique_ptr<BranchWorkshop> workshop(new BranchWorkshop(parts));
  TRY(workshop->OpenAll(parts));
  return workshop;
}

Status BranchWorkshop::OpenAll(const Parts& parts) {
  TRY_ASSIGN(user_, ChooseBranchUser(parts.settings.user));
  const std::string run_directory = BranchRunDirectory(parts.directory);
  TRY_ASSIGN(BranchRuntime opened, OpenBranchRuntime(parts.settings, run_directory, user_, &pool_,
                                                     parts.unprivileged, parts.shard, parts.log));
  runtime_ = std::move(opened.runtime);
  programs_ = std::make_unique<branching::PostgresPrograms>(std::move(opened.launcher));
  TRY_ASSIGN(storage_, OpenBranchStore(parts.settings, {.uid = user_.uid, .gid = user_.gid}, &pool_,
                                       parts.unprivileged, parts.log));
  TRY(database_->Open());
  workshop_ = std::make_unique<branching::Workshop>(
      branching::Workshop{.journal = journal_,
                          .storage = *storage_,
                          .runtime = *runtime_,
                          .pool = pool_,
                          .clock = parts.clock,
                          .logger = parts.log,
                          .servers = std::move(opened.servers),
                          .run_directory = run_directory,
                          .superuser = parts.settings.superuser});
  return {};
}

}  // namespace prism::app

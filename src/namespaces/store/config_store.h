// The configuration in one SQLite file: every change a transaction with its history.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "namespaces/store/change.h"
#include "namespaces/store/high_water.h"
#include "namespaces/store/history.h"
#include "sqlite/chain_head.h"
#include "sqlite/database.h"
#include "sqlite/executor.h"
#include "sqlite/plain_database.h"

namespace prism::namespaces {

struct ConfigStoreOptions {
  std::string path;  // of config.db; `path`.revision lies beside it
  // Tables of others in the same file, such as tokens.
  std::vector<sqlite::SchemaPart> more_parts = {};
  // The chain of rows that one of those parts keeps, such as the audit, if any: the mark remembers
  // its newest row, so that a store from which newest rows were taken is noticed.
  sqlite::ReadChain chain = {};
  std::string vfs = {};  // for tests; empty: the system's
};

// Life cycle: Open, then everything else. Thread-safe; everything here blocks, so never on a shard.
// An acknowledged change is on disk. One process at a time: whoever opens it holds the lock of the
// data directory.
class ConfigStore {
 public:
  // Makes the store, or checks the one that is there: its pages, every row, and that it has come as
  // far as it had before. One that an earlier version wrote is upgraded, after a backup of it
  // beside it, `.before-upgrade-TIME`. DATA_LOSS/CONFIG_STORE_MISSING, CONFIG_STORE_BEHIND,
  // CONFIG_STORE_DAMAGED: it is not, and nothing is changed. FAILED_PRECONDITION/FILE_TOO_NEW and
  // the other errors of sqlite::Connection.
  static Result<std::unique_ptr<ConfigStore>> Open(ConfigStoreOptions options, Clock& clock);
  // Joins the transaction of a change that changes something, such as to record it, with the
  // revision that it becomes; an error of it undoes the change and is the answer.
  using Also = std::function<Status(sqlite::Connection&, Revision)>;

  ConfigStore(const ConfigStore&) = delete;
  ConfigStore& operator=(const ConfigStore&) = delete;
  ~ConfigStore();

  // Revision 0 and nothing in it: the store is new.
  Result<StoredConfig> Load() const;
  // What the change has become.
  // ABORTED/REVISION_MISMATCH with every record that is not as its author has seen it;
  // NOT_FOUND/NAMESPACE_NOT_FOUND, BACKEND_NOT_FOUND; nothing is changed then.
  Result<Committed> Commit(const Change& change, const Author& author, const Also& also = {});
  // The configuration as it was at an earlier revision. OUT_OF_RANGE/REVISION_UNKNOWN.
  Result<StoredConfig> LoadAt(Revision revision) const;
  // The change that makes the configuration what it was at an earlier revision. What was deleted
  // since comes back under its old id; what was made since goes. OUT_OF_RANGE/REVISION_UNKNOWN.
  Result<Change> PlanRollBack(Revision revision) const;
  // The same of one namespace, with the backends that it needs where they are gone.
  Result<Change> PlanRollBack(Revision revision, const std::string& ns) const;

  // Oldest first.
  Result<std::vector<HistoryEntry>> HistoryOf(const std::string& ns) const;
  // Whether both histories are what was written. DATA_LOSS/HISTORY_BROKEN.
  Status VerifyHistory() const;
  // The newest row of the chain that the mark beside the store knows; nothing: there is no mark of
  // it. What is in the store has come at least as far.
  Result<std::optional<sqlite::ChainHead>> MarkedChain() const;

  // Changes whose mark beside the store could not be written: their loss would go unnoticed.
  std::uint64_t unmarked_changes() const { return unmarked_.load(); }
  sqlite::Database& database() { return *database_; }

 private:
  ConfigStore(const ConfigStoreOptions& options, HighWaterFile high_water, Clock& clock);
  Status Check(const std::optional<HighWater>& mark);
  Status CheckChain(sqlite::Connection& connection, const HighWater& mark) const;
  // What the mark is to be; nothing: there is nothing to remember yet.
  Result<std::optional<HighWater>> MarkOf(sqlite::Connection& connection) const;
  void NoteHighWater(sqlite::Connection& connection);

  const std::string path_;
  Clock& clock_;
  const sqlite::ReadChain chain_;
  HighWaterFile high_water_;
  std::atomic<std::uint64_t> unmarked_ = 0;
  sqlite::PlainKind kind_;
  sqlite::Executor executor_;
  std::unique_ptr<sqlite::Database> database_;
};

}  // namespace prism::namespaces

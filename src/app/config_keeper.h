// The store of the configuration as the server uses it: what is served is in it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/settings.h"
#include "base/clock.h"
#include "namespaces/snapshot.h"
#include "namespaces/store/backups.h"
#include "namespaces/store/config_store.h"
#include "namespaces/store/purges.h"
#include "runtime/blocking_pool.h"
#include "sqlite/data_directory.h"
#include "telemetry/log.h"

namespace prism::app {

// Life cycle: Open, then Choose and Keep for each configuration that is to be served, and BackUp
// now and then; outlives the pool's use of it. Thread rule: one control thread; Open and Keep
// block.
class ConfigKeeper {
 public:
  // What is referred to outlives the keeper.
  ConfigKeeper(const ServerSettings& settings, Clock& clock, telemetry::Logger& log);

  // Takes the lock of the configuration in the data directory and opens config.db there. The errors
  // of sqlite::DataDirectory::Open and namespaces::ConfigStore::Open; those that a backup mends
  // name the newest good one.
  Status Open();
  // What is to be served when `file` is what the configuration file says: its options of the
  // server, and the backends and namespaces of the store. Into a store that has never had anything
  // but the built-in ones those of the file are imported. That the file says something else later
  // is logged, with what to do about it.
  std::shared_ptr<const namespaces::Snapshot> Choose(const namespaces::Snapshot& file) const;
  // Stores what is about to be served: what Choose has answered, which can be bound. An import is
  // an entry of the audit.
  Status Keep(const std::shared_ptr<const namespaces::Snapshot>& chosen);
  // Who imports, and the entry that goes with it.
  static namespaces::Author ImportAuthor(const namespaces::Snapshot& chosen);
  namespaces::ConfigStore::Also ImportEntry(const namespaces::Change& change,
                                            const namespaces::Snapshot& chosen) const;
  // Stores the change that makes `next` of what there is, which can be bound.
  Status Store(const namespaces::Change& change,
               const std::shared_ptr<const namespaces::Snapshot>& next,
               const namespaces::Author& author, const namespaces::ConfigStore::Also& also = {});
  // What is stored. On the control thread.
  const namespaces::StoredConfig& current() const { return current_; }
  // The data of deleted namespaces that is not gone yet, oldest first. On the control thread.
  const std::vector<namespaces::Purge>& purges() const { return purges_; }
  // Forgets one of those whose data is gone, with what else is to be written then.
  Status EndPurge(const namespaces::Purge& gone,
                  const std::function<Status(sqlite::Connection&)>& also);
  // Makes today's backup on a thread of the pool, if it is not there and none is being made. Does
  // not block.
  void BackUp(runtime::BlockingPool& pool);
  // Makes one more, and answers its path. Any thread; blocks. FAILED_PRECONDITION/BACKUP_RUNNING
  // while another one is being made.
  Result<std::string> BackUpNow();

  // Once it is open. For tables of others in the same file, see identity.h.
  sqlite::Database& database() { return store_->database(); }
  namespaces::ConfigStore& store() { return *store_; }

  // For metrics; any thread.
  struct Backups {
    std::atomic<std::uint64_t> failures = 0;
    std::atomic<WallMillis> last_success = 0;  // 0: none yet since the start
  };
  const Backups& backups() const { return backups_; }
  struct PurgeCounters {
    std::atomic<std::uint64_t> pending = 0;
    std::atomic<std::uint64_t> done = 0;
    std::atomic<std::uint64_t> failures = 0;  // attempts; whoever makes them counts
  };
  const PurgeCounters& purge_counters() const { return purge_counters_; }
  PurgeCounters& purge_counters() { return purge_counters_; }
  std::uint64_t unmarked_changes() const { return store_ ? store_->unmarked_changes() : 0; }

 private:
  bool IsUntouched() const;
  Error WithBackup(Error error) const;
  void MakeBackup();
  void UsePurges(std::vector<namespaces::Purge> purges);

  const std::string data_dir_;
  const namespaces::BackupDirectory backup_directory_;
  Clock& clock_;
  telemetry::Logger& log_;
  std::optional<sqlite::DataDirectory> directory_;
  std::unique_ptr<namespaces::ConfigStore> store_;  // after directory_: closed under its lock
  namespaces::StoredConfig current_;
  std::vector<namespaces::Purge> purges_;
  Backups backups_;
  PurgeCounters purge_counters_;
  std::atomic<bool> backing_up_ = false;
  std::atomic<WallMillis> next_backup_ = 0;
};

}  // namespace prism::app

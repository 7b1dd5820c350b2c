// Copies of the configuration store: made daily while it is in use, checked, kept for a while, and
// put back.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "namespaces/store/change.h"
#include "namespaces/store/config_store.h"

namespace prism::namespaces {

// A backup that was read whole and is what was written.
struct GoodBackup {
  std::string path;
  Revision revision = 0;
};

// Reads the whole file: its pages, every row, and both histories. FAILED_PRECONDITION/
// NOT_A_CONFIG_STORE for another kind of file, else the errors of ConfigStore::Open.
Result<GoodBackup> CheckBackup(const std::string& path);

// The directory of backups: `config-YYYYMMDD.db` by the day in UTC, and those that somebody asked
// for, `config-YYYYMMDDTHHMMSSZ.db`. Thread rule: one thread at a time; everything blocks.
class BackupDirectory {
 public:
  BackupDirectory(std::string path, int keep_days)
      : path_(std::move(path)), keep_days_(keep_days) {}

  // Today's backup, unless it is there; then removes those that are older than keep_days. The path
  // of the backup that was made; nothing: it was there.
  Result<std::optional<std::string>> MakeDaily(ConfigStore& store, WallMillis now) const;
  // One more, which has its own name; then as above. Its path.
  Result<std::string> MakeNow(ConfigStore& store, WallMillis now) const;
  // The newest one that is good; nothing: there is none.
  std::optional<GoodBackup> NewestGood() const;

 private:
  Status Make(ConfigStore& store, const std::string& target, WallMillis now) const;
  Status MakeDirectory() const;
  Status RemoveOld(WallMillis now) const;

  std::string path_;
  int keep_days_;
};

// What those who have tables in the store want of a restore.
struct RestoreOptions {
  // Of ConfigStoreOptions.
  std::vector<sqlite::SchemaPart> more_parts = {};
  sqlite::ReadChain chain = {};
  // Changes the backup, in a copy, before it becomes the store. `replaced`: a copy of the file that
  // it replaces, which may be damaged; empty: there is none. An error of it is the answer.
  std::function<Status(sqlite::Database& store, const std::string& replaced)> amend = {};
};

// Makes the backup the configuration store of the data directory, while no server has it. What is
// there now is kept beside it, with `.before-restore-YYYYMMDDTHHMMSSZ` in its name. The errors of
// CheckBackup and of sqlite::DataDirectory::Open; nothing is changed then.
Result<GoodBackup> RestoreBackup(const std::string& backup, const std::string& data_dir,
                                 WallMillis now, const RestoreOptions& options = {});

}  // namespace prism::namespaces

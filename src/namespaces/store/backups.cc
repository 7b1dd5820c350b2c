#include "namespaces/store/backups.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <vector>

#include "base/scratch_directory.h"
#include "sqlite/data_directory.h"

namespace prism::namespaces {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "config-";
constexpr std::string_view kSuffix = ".db";
constexpr std::size_t kDayLength = 8;    // YYYYMMDD
constexpr std::size_t kTimeLength = 16;  // YYYYMMDDTHHMMSSZ

Error Unusable(const std::string& path, std::string_view action, std::string_view why) {
  return {Code::kFailedPrecondition, "BACKUP_FAILED",
          fmt::format("{}: can't {}: {}. Name a directory that the server's user may write as "
                      "backup.dir",
                      path, action, why)};
}

Error NotAStore(const std::string& path) {
  return {Code::kFailedPrecondition, "NOT_A_CONFIG_STORE",
          fmt::format("{} is no configuration store: name a file config-YYYYMMDD.db from the "
                      "directory of backups",
                      path)};
}

std::tm Utc(WallMillis now) { return fmt::gmtime(static_cast<std::time_t>(now / 1000)); }

std::string NameOf(WallMillis day) {
  return fmt::format("{}{:%Y%m%d}{}", kPrefix, Utc(day), kSuffix);
}

// Names of backups, the newest first.
std::vector<std::string> Names(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator(directory, gone)) {
    const std::string name = entry.path().filename().string();
    const std::size_t around = kPrefix.size() + kSuffix.size();
    const bool sized = name.size() == around + kDayLength || name.size() == around + kTimeLength;
    const bool ours = sized && name.starts_with(kPrefix) && name.ends_with(kSuffix);
    if (ours) names.push_back(name);
  }
  std::ranges::sort(names, std::ranges::greater());
  return names;
}

Status Copy(const std::string& from, const std::string& to) {
  std::error_code failed;
  fs::copy_file(from, to, fs::copy_options::overwrite_existing, failed);
  if (failed) return std::unexpected(Unusable(from, "copy it", failed.message()));
  const int fd = ::open(to.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (!synced) return std::unexpected(Unusable(to, "sync it", std::strerror(errno)));
  return {};
}

// A copy of a store in a private place, with what the log beside it holds: opening it to look at
// it writes beside the file.
Result<std::string> CopyStore(const std::string& from, const base::ScratchDirectory& scratch,
                              std::string_view name) {
  std::string copy = scratch.File(name);
  TRY(Copy(from, copy));
  std::error_code failed;
  if (fs::exists(from + "-wal", failed)) TRY(Copy(from + "-wal", copy + "-wal"));
  return copy;
}

Status Move(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0 || errno == ENOENT) return {};
  return std::unexpected(Unusable(from, "move it aside", std::strerror(errno)));
}

}  // namespace

Result<GoodBackup> CheckBackup(const std::string& path) {
  std::error_code failed;
  if (!fs::is_regular_file(path, failed)) return std::unexpected(NotAStore(path));
  TRY_ASSIGN(const auto scratch, base::ScratchDirectory::Make("prism-check"));
  TRY_ASSIGN(const std::string copy, CopyStore(path, scratch, "config.db"));
  SystemClock clock;
  auto store = ConfigStore::Open({.path = copy}, clock);
  if (!store) {
    const bool foreign =
        store.error().reason() == "FILE_FOREIGN" || store.error().reason() == "FILE_DAMAGED";
    return std::unexpected(foreign ? NotAStore(path) : store.error());
  }
  TRY_ASSIGN(const StoredConfig content, (*store)->Load());
  if (content.revision == 0) return std::unexpected(NotAStore(path));
  TRY((*store)->VerifyHistory());
  return GoodBackup{.path = path, .revision = content.revision};
}

Status BackupDirectory::MakeDirectory() const {
  std::error_code failed;
  const fs::path parent = fs::path(path_).parent_path();
  if (!parent.empty()) fs::create_directories(parent, failed);
  if (failed) return std::unexpected(Unusable(path_, "make the directory", failed.message()));
  // Who else is to read backups is given the directory, or one that is there already.
  if (::mkdir(path_.c_str(), 0700) == 0 || fs::is_directory(path_, failed)) return {};
  return std::unexpected(Unusable(path_, "make the directory", std::strerror(errno)));
}

Status BackupDirectory::Make(ConfigStore& store, const std::string& target, WallMillis now) const {
  TRY(store.database().Backup(target));
  // Only behind a good one may old ones go.
  if (const auto good = CheckBackup(target); !good) {
    std::error_code ignored;
    fs::remove(target, ignored);
    return std::unexpected(good.error());
  }
  return RemoveOld(now);
}

Result<std::optional<std::string>> BackupDirectory::MakeDaily(ConfigStore& store,
                                                              WallMillis now) const {
  TRY(MakeDirectory());
  std::string target = fmt::format("{}/{}", path_, NameOf(now));
  std::error_code failed;
  if (fs::exists(target, failed)) return std::nullopt;
  TRY(Make(store, target, now));
  return target;
}

Result<std::string> BackupDirectory::MakeNow(ConfigStore& store, WallMillis now) const {
  TRY(MakeDirectory());
  std::string target = fmt::format("{}/{}{:%Y%m%dT%H%M%SZ}{}", path_, kPrefix, Utc(now), kSuffix);
  std::error_code failed;
  if (fs::exists(target, failed)) {
    return std::unexpected(Unusable(target, "make it", "there is one of this second already"));
  }
  TRY(Make(store, target, now));
  return target;
}

Status BackupDirectory::RemoveOld(WallMillis now) const {
  constexpr WallMillis kDay = 24LL * 3600 * 1000;
  const std::string oldest = NameOf(now - keep_days_ * kDay);
  for (const std::string& name : Names(path_)) {
    if (name >= oldest) continue;
    std::error_code failed;
    fs::remove(fmt::format("{}/{}", path_, name), failed);
    if (failed) return std::unexpected(Unusable(name, "remove it", failed.message()));
  }
  return {};
}

std::optional<GoodBackup> BackupDirectory::NewestGood() const {
  for (const std::string& name : Names(path_)) {
    if (auto good = CheckBackup(fmt::format("{}/{}", path_, name))) return *std::move(good);
  }
  return std::nullopt;
}

namespace {

// The backup as it is to become the store, in a file of its own beside it.
Status Prepare(const std::string& backup, const std::string& path, const RestoreOptions& options) {
  TRY_ASSIGN(const auto scratch, base::ScratchDirectory::Make("prism-check"));
  TRY_ASSIGN(const std::string copy, CopyStore(backup, scratch, "config.db"));
  SystemClock clock;
  TRY_ASSIGN(const auto store,
             ConfigStore::Open(
                 {.path = copy, .more_parts = options.more_parts, .chain = options.chain}, clock));
  std::error_code failed;
  if (options.amend) {
    std::string replaced;
    if (fs::exists(path, failed)) {
      TRY_ASSIGN(replaced, CopyStore(path, scratch, "replaced.db"));
    }
    TRY(options.amend(store->database(), replaced));
  }
  const std::string prepared = path + ".restoring";
  fs::remove(prepared, failed);  // of a restore that was cut off
  if (failed) return std::unexpected(Unusable(prepared, "remove it", failed.message()));
  return store->database().Backup(prepared);
}

// Where what is there now is kept: a name that nothing has.
std::string NameAside(const std::string& path, WallMillis now) {
  const std::string first = fmt::format("{}.before-restore-{:%Y%m%dT%H%M%SZ}", path, Utc(now));
  std::string name = first;
  std::error_code failed;
  for (int i = 2; fs::exists(name, failed) || fs::exists(name + "-wal", failed) ||
                  fs::exists(name + ".revision", failed);
       ++i) {
    name = fmt::format("{}-{}", first, i);
  }
  return name;
}

}  // namespace

// At every moment the store is the old one, the new one, or refused; never a fresh one.
Result<GoodBackup> RestoreBackup(const std::string& backup, const std::string& data_dir,
                                 WallMillis now, const RestoreOptions& options) {
  TRY_ASSIGN(const sqlite::DataDirectory directory,
             sqlite::DataDirectory::Open(data_dir, "config.lock"));
  TRY_ASSIGN(GoodBackup good, CheckBackup(backup));
  const std::string path = directory.path() + "/config.db";
  const std::string aside = NameAside(path, now);
  TRY(Prepare(backup, path, options));
  TRY(Move(path + "-wal", aside + "-wal"));
  TRY(Move(path + "-shm", aside + "-shm"));
  TRY(Move(path, aside));
  TRY(Move(path + ".restoring", path));
  TRY(Move(path + ".revision", aside + ".revision"));
  TRY(sqlite::SyncParentDirectory(path));
  SystemClock clock;
  TRY(ConfigStore::Open({.path = path, .more_parts = options.more_parts, .chain = options.chain},
                        clock));  // which writes its mark
  return good;
}

}  // namespace prism::namespaces

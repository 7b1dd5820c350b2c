// For tests: a file system under SQLite that can lose its power and whose calls can be made to
// fail.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace prism::sqlite::testing {

enum class IoCall : std::uint8_t { kOpen, kRead, kWrite, kTruncate, kSync, kDelete };

// Wraps the system's VFS: everything is done on real files, and it is remembered beside them what
// the disk would still have after a loss of power. Of a file that is what was there at its last
// sync and a random part of the writes since then, by sectors of 512 bytes, so writes may be torn
// and out of order. A file that was made since its directory was last synced may be missing, one
// that was removed may be back. As on Linux, the first sync of a new journal or log syncs the
// directory. Life cycle: construct (registers the VFS under name()), use, and close every
// connection before it is destroyed. Thread-safe.
class PowerLossVfs {
 public:
  // A code to answer instead of doing the call, or SQLITE_OK to do it. May block.
  using Fault = std::function<int(IoCall call, std::string_view path)>;

  explicit PowerLossVfs(std::uint64_t seed);
  PowerLossVfs(const PowerLossVfs&) = delete;
  PowerLossVfs& operator=(const PowerLossVfs&) = delete;
  ~PowerLossVfs();

  const std::string& name() const { return name_; }
  void SetFault(Fault fault);

  // From now on every call on files that are open fails and changes nothing. True when it was this
  // call that took the power.
  bool LosePower();
  // Loses power at the n-th write, truncation, sync or removal from now.
  void LosePowerAfter(std::uint64_t calls);
  bool powered() const;
  // After LosePower, when every connection is closed: the files become what the disk would have.
  // Answers how many sectors that had been written were lost.
  std::uint64_t RestorePower();

  std::uint64_t syncs() const;
  std::uint64_t writes() const;

 private:
  friend struct PowerLossFile;

  struct Change {
    std::int64_t offset = 0;
    std::string bytes;
    std::optional<std::int64_t> truncate_to;  // instead of a write
  };
  // What is known of one path.
  struct Shadow {
    std::string durable;                // content at the last sync
    bool durable_exists = false;        // whether the directory on disk has it
    bool exists = false;                // whether it is there now
    std::vector<Change> changes;        // since the last sync, in order
    std::optional<std::string> before;  // content on disk of a removed file that may come back
  };

  // One call of SQLite. Locks; answers the injected failure if any.
  int Enter(IoCall call, const std::string& path, std::uint64_t generation);
  Shadow& ShadowOf(const std::string& path);
  void SyncDirectory(const std::string& path);
  std::string Survive(const Shadow& shadow, double keep, std::uint64_t& lost);

  static int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out);
  static int Delete(sqlite3_vfs* vfs, const char* name, int sync_directory);

  const std::string name_;
  sqlite3_vfs* const system_;
  sqlite3_vfs vfs_ = {};

  mutable std::mutex mutex_;
  std::map<std::string, Shadow> shadows_;
  std::shared_ptr<Fault> fault_;
  std::mt19937_64 random_;
  bool powered_ = true;
  std::uint64_t generation_ = 0;  // of open files: those from before the loss are dead for good
  std::optional<std::uint64_t> calls_left_;
  std::uint64_t syncs_ = 0;
  std::uint64_t writes_ = 0;
};

}  // namespace prism::sqlite::testing

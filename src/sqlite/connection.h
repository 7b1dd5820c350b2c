// One connection to one SQLite file, with the settings that all files of the project have.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/status.h"
#include "sqlite/error.h"
#include "sqlite/statement.h"

struct sqlite3;
struct sqlite3_stmt;

namespace prism::sqlite {

// "PRSM" in the header of every file that Prism made (PRAGMA application_id).
inline constexpr std::int64_t kApplicationId = 0x5052534D;

enum class Access {
  kWriter,  // reads, writes and checkpoints: one per file
  kReader   // query_only; the file must exist
};

struct ConnectionOptions {
  std::string path;
  Access access = Access::kWriter;
  bool create = false;  // writers only: make the file when it is missing
  bool foreign_keys = false;
  int cache_kib = 2048;  // page cache of this connection at most
  std::string vfs = {};  // empty: the system's
};

// Write-ahead log, synchronous=FULL (a commit returns after fsync), pages of 4096 bytes. Never
// checkpoints by itself: Checkpoint is called by the file's writer, because SQLite before 3.51.3
// can damage a file when two connections reset its log at the same time. No memory mapping: a read
// error would be a signal instead of a result. A database of another program is refused before
// anything in it is changed: FAILED_PRECONDITION/FILE_FOREIGN. Thread rule: one thread at a time.
class Connection {
 public:
  static Result<std::unique_ptr<Connection>> Open(const ConnectionOptions& options);
  // A private database in memory, for what has no file yet.
  static Result<std::unique_ptr<Connection>> OpenMemory();
  // An empty file that is about to receive a copy of another one; without a log.
  static Result<std::unique_ptr<Connection>> OpenCopy(const std::string& path);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  // Does not checkpoint: the log stays for the next one who opens the file.
  ~Connection();

  // `sql` is kept by content: the statement is compiled once per connection.
  Result<Statement> Prepare(std::string_view sql);
  // Compiled for this one use: for statements of which there is no end, such as those with filters.
  Result<Statement> PrepareOnce(std::string_view sql);
  // One or several statements without parameters or rows; not cached.
  Status Execute(std::string_view sql);
  // The first column of the first row of a statement that answers one integer.
  Result<std::int64_t> QueryInt(std::string_view sql);

  // BEGIN IMMEDIATE: the transaction can't lose the race for the write lock later.
  Status Begin();
  // One snapshot for the reads that follow, from the first of them until Rollback.
  Status BeginRead();
  Status Commit();
  // Also right when SQLite has rolled back by itself already.
  Status Rollback();
  bool in_transaction() const;

  struct CheckpointResult {
    bool complete = false;  // everything that was in the log is in the file
  };
  // Moves the log into the file as far as readers allow; `truncate` also empties the log's file,
  // unless a reader is in the way. Outside of transactions.
  Result<CheckpointResult> Checkpoint(bool truncate);
  // Pages in the log after the last commit of this connection.
  int log_pages() const { return log_pages_; }

  const std::string& path() const { return path_; }
  sqlite3* native() { return database_; }

  // The first native failure since ClearFailure, 0: none. So a batch learns that one of its
  // operations failed whatever the operation made of it.
  int failure() const { return failure_; }
  void ClearFailure() { failure_ = 0; }
  Error Report(int native, std::string_view action);

 private:
  struct Cached {
    sqlite3_stmt* statement = nullptr;
    bool in_use = false;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view sql) const {
      return std::hash<std::string_view>()(sql);
    }
  };

  explicit Connection(std::string path) : path_(std::move(path)) {}
  static Result<std::unique_ptr<Connection>> OpenNative(const std::string& path, int flags,
                                                        const std::string& vfs);
  Status Configure(const ConnectionOptions& options);
  Status ConfigureWriter();
  Result<sqlite3_stmt*> Compile(std::string_view sql, bool persistent);

  std::string path_;
  sqlite3* database_ = nullptr;
  int log_pages_ = 0;
  int failure_ = 0;
  // Node-based: entries keep their address.
  std::unordered_map<std::string, Cached, Hash, std::equal_to<>> statements_;
};

// Whether a file is there, as `vfs` sees it.
Result<bool> FileExists(const std::string& path, const std::string& vfs);

}  // namespace prism::sqlite

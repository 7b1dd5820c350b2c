#include "sqlite/connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cstring>

namespace prism::sqlite {
namespace {

// How long a connection waits for a lock that another one holds while it recovers the log.
constexpr int kBusyTimeoutMillis = 10'000;

std::string SystemError(sqlite3* database) {
  const int number = database != nullptr ? sqlite3_system_errno(database) : 0;
  return number != 0 ? std::string(std::strerror(number)) : std::string();
}

extern "C" int RememberLogPages(void* log_pages, sqlite3*, const char*, int pages) {
  *static_cast<int*>(log_pages) = pages;
  return SQLITE_OK;
}

// SQLite makes files that others may read, and its log with the rights of the file. Only a new file
// is opened here: closing it would let go of the locks that this process has on another (POSIX).
void MakePrivate(const std::string& path) {
  const int made = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (made >= 0) close(made);  // else SQLite says why
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::OpenNative(const std::string& path, int flags,
                                                           const std::string& vfs) {
  std::unique_ptr<Connection> connection(new Connection(path));
  const int native = sqlite3_open_v2(path.c_str(), &connection->database_,
                                     flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                                     vfs.empty() ? nullptr : vfs.c_str());
  if (native != SQLITE_OK) {
    return std::unexpected(NativeError(native, path, "open", SystemError(connection->database_)));
  }
  return connection;
}

Result<std::unique_ptr<Connection>> Connection::Open(const ConnectionOptions& options) {
  // Readers open for writing too: they take part in the shared index of the log.
  int flags = SQLITE_OPEN_READWRITE;
  if (options.access == Access::kWriter && options.create) {
    flags |= SQLITE_OPEN_CREATE;
    MakePrivate(options.path);
  }
  TRY_ASSIGN(auto connection, OpenNative(options.path, flags, options.vfs));
  TRY(connection->Configure(options));
  return connection;
}

Result<std::unique_ptr<Connection>> Connection::OpenMemory() {
  return OpenNative(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, {});
}

Result<std::unique_ptr<Connection>> Connection::OpenCopy(const std::string& path) {
  return OpenNative(path, SQLITE_OPEN_READWRITE, {});
}

Status Connection::Configure(const ConnectionOptions& options) {
  sqlite3_busy_timeout(database_, kBusyTimeoutMillis);
  sqlite3_db_config(database_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_db_config(database_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(database_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // secure_delete=FAST overwrites what is deleted where that costs no extra I/O.
  TRY(Execute(
      fmt::format("PRAGMA cache_size=-{}; PRAGMA mmap_size=0; PRAGMA foreign_keys={};"
                  "PRAGMA temp_store=MEMORY; PRAGMA secure_delete=FAST; PRAGMA synchronous=FULL;",
                  options.cache_kib, options.foreign_keys ? 1 : 0)));
  if (options.access == Access::kReader) {
    // The log is set up by the writer, which opened the file before any reader.
    return Execute("PRAGMA wal_autocheckpoint=0; PRAGMA query_only=1;");
  }
  return ConfigureWriter();
}

Status Connection::ConfigureWriter() {
  TRY_ASSIGN(const std::int64_t tables, QueryInt("SELECT count(*) FROM sqlite_schema"));
  TRY_ASSIGN(const std::int64_t application, QueryInt("PRAGMA application_id"));
  if (application != kApplicationId && (application != 0 || tables != 0)) {
    return std::unexpected(FileForeignError(path_));
  }
  // The page size counts only for a file that has no page yet.
  TRY(Execute("PRAGMA page_size=4096;"));
  TRY_ASSIGN(Statement mode, Prepare("PRAGMA journal_mode=WAL"));
  TRY_ASSIGN(const bool row, mode.Step());
  if (!row || mode.TextAt(0) != "wal") {
    return std::unexpected(NativeError(SQLITE_CANTOPEN, path_, "switch to a write-ahead log"));
  }
  mode.Reset();
  TRY(Execute("PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=67108864;"));
  sqlite3_wal_hook(database_, RememberLogPages, &log_pages_);
  return {};
}

Connection::~Connection() {
  for (auto& [sql, cached] : statements_) sqlite3_finalize(cached.statement);
  sqlite3_close(database_);
}

Result<sqlite3_stmt*> Connection::Compile(std::string_view sql, bool persistent) {
  sqlite3_stmt* statement = nullptr;
  const int native =
      sqlite3_prepare_v3(database_, sql.data(), static_cast<int>(sql.size()),
                         persistent ? SQLITE_PREPARE_PERSISTENT : 0, &statement, nullptr);
  if (native != SQLITE_OK) {
    return std::unexpected(Report(native, fmt::format("compile \"{}\"", sql)));
  }
  return statement;
}

Result<Statement> Connection::Prepare(std::string_view sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    TRY_ASSIGN(sqlite3_stmt * compiled, Compile(sql, true));
    found = statements_.emplace(std::string(sql), Cached{.statement = compiled}).first;
  }
  Cached& cached = found->second;
  if (cached.in_use) return PrepareOnce(sql);
  cached.in_use = true;
  return Statement(*this, cached.statement, &cached.in_use);
}

Result<Statement> Connection::PrepareOnce(std::string_view sql) {
  TRY_ASSIGN(sqlite3_stmt * compiled, Compile(sql, false));
  return Statement(*this, compiled, nullptr);
}

Status Connection::Execute(std::string_view sql) {
  const int native = sqlite3_exec(database_, std::string(sql).c_str(), nullptr, nullptr, nullptr);
  if (native != SQLITE_OK) return std::unexpected(Report(native, "execute"));
  return {};
}

Result<std::int64_t> Connection::QueryInt(std::string_view sql) {
  TRY_ASSIGN(Statement statement, Prepare(sql));
  TRY_ASSIGN(const bool row, statement.Step());
  if (!row) return std::unexpected(Report(SQLITE_ERROR, fmt::format("no row of \"{}\"", sql)));
  return statement.IntAt(0);
}

Status Connection::Begin() {
  TRY_ASSIGN(Statement statement, Prepare("BEGIN IMMEDIATE"));
  return statement.Run();
}

Status Connection::BeginRead() {
  TRY_ASSIGN(Statement statement, Prepare("BEGIN"));
  return statement.Run();
}

Status Connection::Commit() {
  TRY_ASSIGN(Statement statement, Prepare("COMMIT"));
  return statement.Run();
}

Status Connection::Rollback() {
  if (!in_transaction()) return {};
  TRY_ASSIGN(Statement statement, Prepare("ROLLBACK"));
  return statement.Run();
}

bool Connection::in_transaction() const { return sqlite3_get_autocommit(database_) == 0; }

Result<Connection::CheckpointResult> Connection::Checkpoint(bool truncate) {
  int log = 0;
  int moved = 0;
  // Waiting for readers would hold up everything else on the writer's thread.
  sqlite3_busy_timeout(database_, 0);
  const int native = sqlite3_wal_checkpoint_v2(
      database_, nullptr, truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, &log,
      &moved);
  sqlite3_busy_timeout(database_, kBusyTimeoutMillis);
  if ((native & 0xff) == SQLITE_BUSY) return CheckpointResult{};
  if (native != SQLITE_OK) return std::unexpected(Report(native, "checkpoint"));
  return CheckpointResult{.complete = log == moved};
}

Error Connection::Report(int native, std::string_view action) {
  if (failure_ == 0) failure_ = native;
  std::string detail;
  // The message describes the last failure; ask only when that is the one at hand.
  if (database_ != nullptr && sqlite3_extended_errcode(database_) == native) {
    detail = sqlite3_errmsg(database_);
    const std::string system = SystemError(database_);
    if (!system.empty() && (native & 0xff) != SQLITE_ERROR) detail += ", " + system;
  }
  return NativeError(native, path_, action, detail);
}

Result<bool> FileExists(const std::string& path, const std::string& vfs) {
  sqlite3_vfs* system = sqlite3_vfs_find(vfs.empty() ? nullptr : vfs.c_str());
  if (system == nullptr) {
    return std::unexpected(
        Error(Code::kInternal, "STORE_ERROR", fmt::format("There is no VFS '{}'.", vfs)));
  }
  int exists = 0;
  const int native = system->xAccess(system, path.c_str(), SQLITE_ACCESS_EXISTS, &exists);
  if (native != SQLITE_OK) return std::unexpected(NativeError(native, path, "look for the file"));
  return exists != 0;
}

}  // namespace prism::sqlite

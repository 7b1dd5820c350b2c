#include "sqlite/backup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "sqlite/data_directory.h"
#include "sqlite/error.h"

namespace prism::sqlite {
namespace {

// Pages a step: the source's lock is held during one step only.
constexpr int kPagesPerStep = 4096;

Status CopyPages(Connection& source, Connection& target) {
  sqlite3_backup* backup = sqlite3_backup_init(target.native(), "main", source.native(), "main");
  if (backup == nullptr) {
    return std::unexpected(target.Report(sqlite3_extended_errcode(target.native()), "back up"));
  }
  int native = SQLITE_OK;
  while (native == SQLITE_OK) native = sqlite3_backup_step(backup, kPagesPerStep);
  const int finished = sqlite3_backup_finish(backup);
  if (native != SQLITE_DONE) return std::unexpected(target.Report(native, "back up"));
  if (finished != SQLITE_OK) return std::unexpected(target.Report(finished, "back up"));
  return {};
}

Status CopyInOneReadTransaction(Connection& source, Connection& target) {
  // Pins one state of the source: without it, a commit between two steps starts the copy again.
  TRY(source.Execute("BEGIN"));
  TRY(source.QueryInt("SELECT count(*) FROM sqlite_schema"));
  Status copied = CopyPages(source, target);
  const Status ended = source.Rollback();
  return copied ? ended : copied;
}

Status CopyAndCheck(Connection& source, const std::string& path) {
  TRY_ASSIGN(const auto target, Connection::OpenCopy(path));
  TRY(CopyInOneReadTransaction(source, *target));
  return CheckIntegrity(*target);
}

}  // namespace

Status BackupTo(Connection& source, const std::string& target) {
  // O_EXCL: never over something that is there.
  const int made = open(target.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (made < 0) {
    const bool exists = errno == EEXIST;
    return std::unexpected(
        Error(Code::kFailedPrecondition, exists ? "BACKUP_EXISTS" : "FILE_UNREADABLE",
              fmt::format("{}: can't make the backup: {}. Name a new file in a directory that the "
                          "server's user may write.",
                          target, std::strerror(errno)))
            .With("file", target));
  }
  close(made);
  Status done = CopyAndCheck(source, target);
  if (done) done = SyncParentDirectory(target);
  if (!done) unlink(target.c_str());
  return done;
}

Status CheckIntegrity(Connection& connection) {
  TRY_ASSIGN(Statement check, connection.Prepare("PRAGMA integrity_check(1)"));
  TRY_ASSIGN(const bool row, check.Step());
  const std::string finding(row ? check.TextAt(0) : "no answer");
  if (finding == "ok") return {};
  return std::unexpected(
      NativeError(SQLITE_CORRUPT, connection.path(), "integrity check", finding));
}

}  // namespace prism::sqlite

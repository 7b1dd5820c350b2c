#include "sqlite/error.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>
#include <string>

namespace prism::sqlite {
namespace {

struct Mapping {
  int native;  // primary result code
  Code code;
  std::string_view reason;
  std::string_view advice;
};

// https://www.sqlite.org/rescode.html; what is missing here is a mistake of ours.
constexpr std::array kMappings = {
    Mapping{SQLITE_FULL, Code::kResourceExhausted, "DISK_FULL",
            "Free space on its disk, then send the request again."},
    Mapping{SQLITE_CORRUPT, Code::kDataLoss, "FILE_DAMAGED",
            "Stop the server, keep a copy of the file and put a backup in its place."},
    Mapping{SQLITE_NOTADB, Code::kDataLoss, "FILE_DAMAGED",
            "Stop the server, keep a copy of the file and put a backup in its place."},
    Mapping{SQLITE_CANTOPEN, Code::kFailedPrecondition, "FILE_UNREADABLE",
            "Check that the file and its directory exist, belong to the server's user and that the "
            "limit of open files is not reached."},
    Mapping{
        SQLITE_READONLY, Code::kFailedPrecondition, "FILE_UNREADABLE",
        "Let the server's user write the file, its -wal and -shm companions and the directory."},
    Mapping{SQLITE_PERM, Code::kFailedPrecondition, "FILE_UNREADABLE",
            "Let the server's user read and write the file and its directory."},
    Mapping{SQLITE_AUTH, Code::kFailedPrecondition, "FILE_UNREADABLE",
            "Let the server's user read and write the file and its directory."},
    Mapping{SQLITE_BUSY, Code::kUnavailable, "STORE_BUSY",
            "Another program holds a lock on the file: end it, then send the request again."},
    Mapping{SQLITE_LOCKED, Code::kUnavailable, "STORE_BUSY", "Send the request again."},
    Mapping{SQLITE_PROTOCOL, Code::kUnavailable, "STORE_BUSY", "Send the request again."},
    Mapping{SQLITE_INTERRUPT, Code::kUnavailable, "STORE_BUSY", "Send the request again."},
    Mapping{SQLITE_NOMEM, Code::kResourceExhausted, "OUT_OF_MEMORY",
            "Give the process more memory or lower its limits."},
    Mapping{SQLITE_TOOBIG, Code::kResourceExhausted, "VALUE_TOO_LARGE",
            "SQLite stores at most 1,000,000,000 bytes in a row: send less."},
    Mapping{SQLITE_IOERR, Code::kUnavailable, "STORE_IO_ERROR",
            "The disk reported an error: look at the kernel's log before trusting it again."},
};

const Mapping* FindMapping(int native) {
  for (const Mapping& mapping : kMappings) {
    if (mapping.native == (native & 0xff)) return &mapping;
  }
  return nullptr;
}

}  // namespace

Error NativeError(int native, std::string_view file, std::string_view action,
                  std::string_view detail) {
  const Mapping* mapping = FindMapping(native);
  std::string text(sqlite3_errstr(native));
  if (!detail.empty() && detail != text) text += fmt::format(" ({})", detail);
  const Code code = mapping != nullptr ? mapping->code : Code::kInternal;
  const std::string_view reason = mapping != nullptr ? mapping->reason : "STORE_ERROR";
  const std::string_view advice =
      mapping != nullptr ? mapping->advice : "This is a defect of the server: please report it.";
  return Error(code, reason, fmt::format("{}: {} failed: {}. {}", file, action, text, advice))
      .With("file", std::string(file))
      .With("sqlite_code", fmt::format("{}", native));
}

Severity SeverityOf(int native) {
  switch (native & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Severity::kDamaged;
    case SQLITE_IOERR:
      return Severity::kFatal;
    default:
      return Severity::kTransient;
  }
}

Severity SeverityOf(const Error& error) {
  if (error.reason() == "FILE_DAMAGED") return Severity::kDamaged;
  return error.reason() == "STORE_IO_ERROR" ? Severity::kFatal : Severity::kTransient;
}

Error FileTooNewError(std::string_view file, std::string_view part, std::int64_t found,
                      std::int64_t supported) {
  return Error(Code::kFailedPrecondition, "FILE_TOO_NEW",
               fmt::format("{}: its part '{}' has format {}, this version reads up to {}. Use the "
                           "version that wrote the file or a later one, or put a backup in its "
                           "place.",
                           file, part, found, supported))
      .With("file", std::string(file))
      .With("found", fmt::format("{}", found))
      .With("supported", fmt::format("{}", supported));
}

Error FileForeignError(std::string_view file) {
  return Error(Code::kFailedPrecondition, "FILE_FOREIGN",
               fmt::format("{}: this is an SQLite database of another program. Move it away: "
                           "Prism keeps only files here that it made.",
                           file))
      .With("file", std::string(file));
}

Error StoreFailedError(std::string_view file, std::string_view cause) {
  return Error(Code::kUnavailable, "STORE_FAILED",
               fmt::format("{}: closed until the server restarts, because it is not known what the "
                           "disk holds: {}",
                           file, cause))
      .With("file", std::string(file));
}

Error StoreClosedError(std::string_view file) {
  return Error(Code::kUnavailable, "STORE_CLOSED",
               fmt::format("{}: the store is being closed. Send the request again.", file));
}

Error WriteQueueFullError(std::string_view file, std::size_t limit) {
  return Error(Code::kResourceExhausted, "WRITE_QUEUE_FULL",
               fmt::format("{}: {} writes are waiting already. Send fewer at a time, or wait and "
                           "send it again.",
                           file, limit))
      .WithRetryAfter(std::chrono::milliseconds(100));
}

Error ReadQueueFullError(std::size_t limit) {
  return Error(Code::kResourceExhausted, "READ_QUEUE_FULL",
               fmt::format("{} reads of files are waiting already. Send fewer at a time, or wait "
                           "and send it again.",
                           limit))
      .WithRetryAfter(std::chrono::milliseconds(100));
}

Error DiskReserveError(std::string_view directory, int reserve_percent) {
  return Error(Code::kResourceExhausted, "DISK_FULL",
               fmt::format("{}: less than {}% of the disk is free, so files here are read-only. "
                           "Free space, then send the request again.",
                           directory, reserve_percent))
      .With("directory", std::string(directory));
}

}  // namespace prism::sqlite

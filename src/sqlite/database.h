// One SQLite file with its single writer and its readers.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "sqlite/connection.h"
#include "sqlite/disk_guard.h"
#include "sqlite/operations.h"
#include "sqlite/reader_pool.h"
#include "sqlite/writer_thread.h"

namespace prism::sqlite {

struct DatabaseOptions {
  std::string path;
  std::size_t max_queued_writes = 16'384;
  std::size_t max_batch = 512;           // operations in one transaction
  MonoNanos max_batch_time = 2'000'000;  // of applying them
  int checkpoint_pages = 4096;           // length of the log at which the writer moves it: 16 MiB
  int writer_cache_kib = 4096;
  int reader_cache_kib = 2048;
  bool foreign_keys = false;
  std::string vfs = {};  // empty: the system's
};

// Counted since the object was made; for metrics and tests.
struct DatabaseCounters {
  std::uint64_t batches = 0;     // transactions committed for operations
  std::uint64_t operations = 0;  // in those
  std::uint64_t failed_batches = 0;
  std::uint64_t checkpoints = 0;
};

// Made by an Executor. The file is made by the first write; until then readers see an empty
// database. A batch that can't be committed fails as a whole. When that was the disk's fault (an
// error of write or fsync; not: no space), nobody knows what the disk holds: the file is closed and
// stays so until the process restarts, UNAVAILABLE/STORE_FAILED. Damage found while writing refuses
// later writes only, DATA_LOSS/FILE_DAMAGED. Nothing is retried. Life cycle: Open, Submit..., Close
// (or the destructor, which blocks like Close: not on a shard). Thread-safe, except where it says
// otherwise.
class Database {
 public:
  Database(DatabaseOptions options, DatabaseKind& kind, WriterThread& writer, ReaderPool& readers,
           DiskGuard* disk);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  // Blocking. When the file is there it is opened and brought up to date, so that a damaged,
  // unreadable or newer file is reported now.
  Status Open();
  // Blocking. Finishes what is queued, moves the log into the file and closes it. Idempotent.
  void Close();

  // An error: the operation was not taken. RESOURCE_EXHAUSTED/WRITE_QUEUE_FULL,
  // UNAVAILABLE/STORE_CLOSED or STORE_FAILED, DATA_LOSS/FILE_DAMAGED.
  Status SubmitWrite(WriteOperation& operation);
  Status SubmitRead(ReadOperation& operation) { return readers_pool_.Submit(*this, operation); }

  // Blocking: copies the committed state to a new file, checked and synced. Writers go on. Not
  // during Close.
  Status Backup(const std::string& target);

  const std::string& path() const { return options_.path; }
  bool exists() const { return exists_.load(std::memory_order_acquire); }
  // Ok while writes, or reads, may be answered.
  Status WriteFailure() const;
  Status ReadFailure() const;
  DatabaseCounters counters() const;

 private:
  friend class WriteOperation;
  friend class WriterThread;
  friend class ReaderPool;

  enum class Failure : std::uint8_t { kNone, kWrites, kAll };

  // --- writer's thread ---
  void Enqueue(WriteOperation& operation);
  void RunBatch();
  bool Housekeep();
  void CloseConnection();
  MonoNanos last_used() const { return last_used_; }
  Status EnsureOpen();
  Status OpenConnection();
  void Drain();
  Status Admit();
  // The operations of the batch that follows, applied but not committed.
  Status ApplyBatch(OperationList& applied, std::size_t& count);
  Status CommitBatch();
  // The error that the batch's operations get; decides what becomes of the file.
  Error FailBatch(Error cause, int native);
  void Trip(Failure failure, Error error);
  void CheckpointIfLong();
  void FailQueued(const Error& error);
  void Answer(OperationList& operations, const Status& outcome);

  // --- reader threads ---
  Result<std::unique_ptr<ReaderPool::Reader>> OpenReader(bool of_file);

  const DatabaseOptions options_;
  DatabaseKind& kind_;
  WriterThread& writer_thread_;
  ReaderPool& readers_pool_;
  DiskGuard* const disk_;

  std::atomic<bool> exists_ = false;
  std::atomic<bool> closed_ = false;
  std::atomic<std::size_t> queued_ = 0;
  std::atomic<Failure> failure_ = Failure::kNone;
  mutable std::mutex failure_mutex_;
  std::optional<Error> failure_error_;  // under failure_mutex_

  struct {
    std::atomic<std::uint64_t> batches, operations, failed_batches, checkpoints;
  } counters_ = {};

  ReaderPool::PerDatabase readers_;  // under the pool's mutex

  // Writer's thread only.
  OperationList queue_;
  bool marked_ready_ = false;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<WriterState> state_;  // after connection_: destroyed before it
  MonoNanos last_used_ = 0;
  int log_pages_ = 0;        // after the last commit
  int next_checkpoint_ = 0;  // length of the log, in pages
};

}  // namespace prism::sqlite

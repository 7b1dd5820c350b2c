#include "sqlite/database.h"

#include <sqlite3.h>

#include <utility>

#include "sqlite/backup.h"
#include "sqlite/data_directory.h"
#include "sqlite/error.h"

namespace prism::sqlite {

void OperationList::Append(WriteOperation& operation) {
  operation.next_ = nullptr;
  (tail_ != nullptr ? tail_->next_ : head_) = &operation;
  tail_ = &operation;
}

WriteOperation* OperationList::Pop() {
  WriteOperation* first = head_;
  if (first == nullptr) return nullptr;
  head_ = first->next_;
  if (head_ == nullptr) tail_ = nullptr;
  return first;
}

void WriteOperation::Run() { database_->Enqueue(*this); }

Database::Database(DatabaseOptions options, DatabaseKind& kind, WriterThread& writer,
                   ReaderPool& readers, DiskGuard* disk)
    : options_(std::move(options)),
      kind_(kind),
      writer_thread_(writer),
      readers_pool_(readers),
      disk_(disk) {}

Database::~Database() { Close(); }

Status Database::Open() {
  TRY_ASSIGN(const bool exists, FileExists(options_.path, options_.vfs));
  if (!exists) return {};
  Status opened;
  writer_thread_.Call([this, &opened] { opened = EnsureOpen(); });
  return opened;
}

void Database::Close() {
  if (closed_.exchange(true)) return;
  readers_pool_.Close(*this);
  // Again for a write that was being submitted when closed_ was set.
  do {
    writer_thread_.Call([this] { Drain(); });
  } while (queued_.load() != 0);
}

Status Database::SubmitWrite(WriteOperation& operation) {
  const std::size_t before = queued_.fetch_add(1);
  Status admitted;
  if (closed_.load()) {
    admitted = std::unexpected(StoreClosedError(options_.path));
  } else if (before >= options_.max_queued_writes) {
    admitted = std::unexpected(WriteQueueFullError(options_.path, options_.max_queued_writes));
  } else {
    admitted = WriteFailure();
  }
  if (!admitted) {
    queued_.fetch_sub(1);
    return admitted;
  }
  operation.database_ = this;
  writer_thread_.Post(operation);
  return {};
}

Status Database::Backup(const std::string& target) {
  TRY(ReadFailure());
  if (!exists()) {
    return std::unexpected(Error(Code::kNotFound, "NOTHING_TO_BACK_UP",
                                 options_.path + ": nothing has been written yet."));
  }
  TRY_ASSIGN(const auto reader, OpenReader(true));
  return BackupTo(*reader->connection, target);
}

Status Database::WriteFailure() const {
  if (failure_.load(std::memory_order_acquire) == Failure::kNone) return {};
  const std::lock_guard lock(failure_mutex_);
  return std::unexpected(*failure_error_);
}

Status Database::ReadFailure() const {
  if (failure_.load(std::memory_order_acquire) != Failure::kAll) return {};
  return WriteFailure();
}

DatabaseCounters Database::counters() const {
  return {.batches = counters_.batches.load(std::memory_order_relaxed),
          .operations = counters_.operations.load(std::memory_order_relaxed),
          .failed_batches = counters_.failed_batches.load(std::memory_order_relaxed),
          .checkpoints = counters_.checkpoints.load(std::memory_order_relaxed)};
}

// --- writer's thread ---

void Database::Enqueue(WriteOperation& operation) {
  queue_.Append(operation);
  if (std::exchange(marked_ready_, true)) return;
  writer_thread_.MarkReady(*this);
}

Status Database::EnsureOpen() {
  last_used_ = MonotonicNow();
  if (connection_ != nullptr) return {};
  Status opened = OpenConnection();
  // An error of the disk while tables are made is no better than one while they are filled.
  if (!opened && SeverityOf(opened.error()) == Severity::kFatal) {
    Error failed = StoreFailedError(options_.path, opened.error().message());
    Trip(Failure::kAll, failed);
    return std::unexpected(std::move(failed));
  }
  return opened;
}

Status Database::OpenConnection() {
  const bool is_new = !exists();
  TRY_ASSIGN(auto connection, Connection::Open({.path = options_.path,
                                                .access = Access::kWriter,
                                                .create = true,
                                                .foreign_keys = options_.foreign_keys,
                                                .cache_kib = options_.writer_cache_kib,
                                                .vfs = options_.vfs}));
  TRY(Migrate(*connection, kind_.Parts()));
  if (is_new) TRY(SyncParentDirectory(options_.path));
  TRY_ASSIGN(state_, kind_.MakeWriter(*connection));
  connection_ = std::move(connection);
  connection_->ClearFailure();
  log_pages_ = 0;
  next_checkpoint_ = options_.checkpoint_pages;
  exists_.store(true, std::memory_order_release);
  writer_thread_.Opened(*this);
  return {};
}

void Database::Drain() {
  while (!queue_.empty()) RunBatch();
  writer_thread_.Forget(*this);
  CloseConnection();
}

void Database::CloseConnection() {
  if (connection_ == nullptr) return;
  state_.reset();
  // Only saves the next one who opens the file from reading the log: what fails here is not lost.
  if (failure_.load() == Failure::kNone) static_cast<void>(connection_->Checkpoint(true));
  connection_.reset();
  writer_thread_.Closed(*this);
}

Status Database::Admit() {
  TRY(WriteFailure());
  if (disk_ != nullptr) TRY(disk_->Check());
  return EnsureOpen();
}

void Database::RunBatch() {
  marked_ready_ = false;
  if (queue_.empty()) return;
  if (Status admitted = Admit(); !admitted) {
    counters_.failed_batches.fetch_add(1, std::memory_order_relaxed);
    return FailQueued(admitted.error());
  }
  OperationList applied;
  std::size_t count = 0;
  Status outcome = ApplyBatch(applied, count);
  if (outcome) outcome = CommitBatch();
  if (outcome) {
    counters_.batches.fetch_add(1, std::memory_order_relaxed);
    counters_.operations.fetch_add(count, std::memory_order_relaxed);
  } else {
    counters_.failed_batches.fetch_add(1, std::memory_order_relaxed);
    const int native = connection_->failure();
    outcome = std::unexpected(FailBatch(std::move(outcome).error(), native));
  }
  Answer(applied, outcome);
  if (connection_ != nullptr) CheckpointIfLong();
  if (!queue_.empty() && !std::exchange(marked_ready_, true)) writer_thread_.MarkReady(*this);
}

Status Database::ApplyBatch(OperationList& applied, std::size_t& count) {
  const MonoNanos start = MonotonicNow();
  TRY(connection_->Begin());
  while (count < options_.max_batch) {
    if (queue_.empty()) {
      // What arrived while the batch was applied still rides along.
      writer_thread_.Receive();
      if (queue_.empty()) break;
    }
    WriteOperation& operation = *queue_.Pop();
    applied.Append(operation);
    ++count;
    operation.Apply(*state_);
    if (const int native = connection_->failure(); native != 0) {
      return std::unexpected(NativeError(native, options_.path, "write"));
    }
    if (MonotonicNow() - start >= options_.max_batch_time) break;
  }
  return {};
}

Status Database::CommitBatch() {
  TRY(state_->BeforeCommit());
  TRY(connection_->Commit());
  state_->AfterCommit();
  return {};
}

Error Database::FailBatch(Error cause, int native) {
  const Status rolled_back = connection_->Rollback();
  state_->AfterRollback();
  const Severity severity = rolled_back ? SeverityOf(native) : Severity::kFatal;
  connection_->ClearFailure();
  switch (severity) {
    case Severity::kTransient:
      return cause;
    case Severity::kDamaged:
      Trip(Failure::kWrites, cause);
      return cause;
    case Severity::kFatal:
      break;
  }
  Error failed = StoreFailedError(options_.path, cause.message());
  Trip(Failure::kAll, failed);
  return failed;
}

void Database::Trip(Failure failure, Error error) {
  {
    const std::lock_guard lock(failure_mutex_);
    if (failure_.load() >= failure) return;
    failure_error_ = std::move(error);
    failure_.store(failure, std::memory_order_release);
  }
  CloseConnection();
  if (failure == Failure::kAll) readers_pool_.DropIdle(*this);
}

void Database::CheckpointIfLong() {
  // Shorter than before: SQLite has started over at its beginning, because all of it was moved.
  if (connection_->log_pages() < log_pages_) next_checkpoint_ = options_.checkpoint_pages;
  log_pages_ = connection_->log_pages();
  if (log_pages_ < next_checkpoint_) return;
  // When a reader is in the way: again when the log has grown by as much once more.
  next_checkpoint_ = log_pages_ + options_.checkpoint_pages;
  const auto done = connection_->Checkpoint(false);
  if (done) {
    counters_.checkpoints.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const int native = connection_->failure();
  connection_->ClearFailure();
  switch (SeverityOf(native)) {
    case Severity::kTransient:  // a full disk: the log still has everything
      return;
    case Severity::kDamaged:
      return Trip(Failure::kWrites, done.error());
    case Severity::kFatal:
      return Trip(Failure::kAll, StoreFailedError(options_.path, done.error().message()));
  }
}

bool Database::Housekeep() {
  if (connection_ == nullptr || (disk_ != nullptr && !disk_->Check())) return false;
  bool more = false;
  const auto work = [this, &more]() -> Status {
    TRY(connection_->Begin());
    TRY_ASSIGN(more, state_->Housekeep());
    return CommitBatch();
  };
  Status done = work();
  if (!done) {
    const int native = connection_->failure();
    // The error reaches clients by the next write, when it is one that lasts.
    static_cast<void>(FailBatch(std::move(done).error(), native));
    return false;
  }
  CheckpointIfLong();
  return more;
}

void Database::FailQueued(const Error& error) {
  OperationList failed;
  std::swap(failed, queue_);
  Answer(failed, std::unexpected(error));
}

void Database::Answer(OperationList& operations, const Status& outcome) {
  while (WriteOperation* operation = operations.Pop()) {
    queued_.fetch_sub(1);
    operation->Done(outcome);
  }
}

// --- reader threads ---

Result<std::unique_ptr<ReaderPool::Reader>> Database::OpenReader(bool of_file) {
  auto reader = std::make_unique<ReaderPool::Reader>();
  reader->of_file = of_file;
  if (of_file) {
    TRY_ASSIGN(reader->connection, Connection::Open({.path = options_.path,
                                                     .access = Access::kReader,
                                                     .foreign_keys = options_.foreign_keys,
                                                     .cache_kib = options_.reader_cache_kib,
                                                     .vfs = options_.vfs}));
  } else {
    TRY_ASSIGN(reader->connection, Connection::OpenMemory());
    TRY(Migrate(*reader->connection, kind_.Parts()));
  }
  TRY_ASSIGN(reader->state, kind_.MakeReader(*reader->connection));
  return reader;
}

}  // namespace prism::sqlite

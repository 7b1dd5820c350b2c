// What work on a database looks like to whoever submits it, and what a kind of database provides.
#pragma once

#include <memory>
#include <span>

#include "base/status.h"
#include "runtime/mailbox.h"
#include "sqlite/connection.h"
#include "sqlite/migrations.h"

namespace prism::sqlite {

class Database;

// What is kept beside a connection while it is open: prepared views, counters. Belongs to whichever
// thread uses the connection at the moment.
class ReaderState {
 public:
  virtual ~ReaderState() = default;
};

// Beside the one writing connection of a file. Writer's thread only.
class WriterState {
 public:
  virtual ~WriterState() = default;
  // At the end of a batch, inside its transaction: what must be stored once per batch.
  virtual Status BeforeCommit() = 0;
  // The batch is gone; what was counted during it must be forgotten.
  virtual void AfterRollback() = 0;
  virtual void AfterCommit() = 0;
  // A bounded piece of housekeeping, in a transaction of its own between BeforeCommit and
  // AfterCommit like a batch. True when more is due at once.
  virtual Result<bool> Housekeep() = 0;
};

// A kind of database: its tables, and the state beside its connections. Immutable, outlives every
// Database made with it. Thread-safe.
class DatabaseKind {
 public:
  virtual ~DatabaseKind() = default;
  virtual std::span<const SchemaPart> Parts() const = 0;
  // The connection outlives the state.
  virtual Result<std::unique_ptr<WriterState>> MakeWriter(Connection& connection) = 0;
  virtual Result<std::unique_ptr<ReaderState>> MakeReader(Connection& connection) = 0;
};

// A write. Intrusive: lives with its submitter until Done.
class WriteOperation : public runtime::MailboxItem {
 public:
  // Writer's thread, inside the transaction of a batch, in order of submission. Called at most
  // once. A native failure of the connection during it fails the whole batch.
  virtual void Apply(WriterState& state) = 0;
  // Writer's thread, once: the batch is on disk, or nothing of it is. Apply may not have run when
  // it failed. The operation may destroy itself. Short: the next batch waits.
  virtual void Done(const Status& outcome) = 0;

  void Run() final;

 protected:
  ~WriteOperation() = default;

 private:
  friend class Database;
  friend class OperationList;
  Database* database_ = nullptr;
  WriteOperation* next_ = nullptr;
};

// A read. Intrusive: lives with its submitter until Run or Fail, exactly one of which is called, on
// a reader thread. It may destroy itself there, once its statements are.
class ReadOperation {
 public:
  virtual void Run(ReaderState& state) = 0;
  virtual void Fail(Error error) = 0;

 protected:
  ~ReadOperation() = default;

 private:
  friend class Database;
  friend class ReaderPool;
  Database* database_ = nullptr;
  ReadOperation* next_ = nullptr;
};

// Writes in order. Writer's thread only.
class OperationList {
 public:
  bool empty() const { return head_ == nullptr; }
  void Append(WriteOperation& operation);
  WriteOperation* Pop();  // null when empty

 private:
  WriteOperation* head_ = nullptr;
  WriteOperation* tail_ = nullptr;
};

}  // namespace prism::sqlite

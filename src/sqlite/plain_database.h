// Files that are used seldom: work on them is a function of the connection, and the caller waits.
// For what many wait for, write operations of its own (operations.h).
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "sqlite/database.h"

namespace prism::sqlite {

// Tables without state beside the connections. Immutable, outlives every Database made with it.
class PlainKind final : public DatabaseKind {
 public:
  // Runs on the writer's thread after each batch that is on disk, before its submitters hear of it.
  using CommitHook = std::function<void(Connection&)>;

  struct Writer final : WriterState {
    Writer(Connection& on, const CommitHook& after) : connection(on), after_commit(after) {}
    Status BeforeCommit() override { return {}; }
    void AfterRollback() override {}
    void AfterCommit() override {
      if (after_commit) after_commit(connection);
    }
    Result<bool> Housekeep() override { return false; }

    Connection& connection;
    const CommitHook& after_commit;
  };
  struct Reader final : ReaderState {
    explicit Reader(Connection& on) : connection(on) {}
    Connection& connection;
  };

  explicit PlainKind(std::vector<SchemaPart> parts, CommitHook after_commit = {})
      : parts_(std::move(parts)), after_commit_(std::move(after_commit)) {}

  std::span<const SchemaPart> Parts() const override { return parts_; }
  Result<std::unique_ptr<WriterState>> MakeWriter(Connection& connection) override {
    return std::make_unique<Writer>(connection, after_commit_);
  }
  Result<std::unique_ptr<ReaderState>> MakeReader(Connection& connection) override {
    return std::make_unique<Reader>(connection);
  }

 private:
  const std::vector<SchemaPart> parts_;
  const CommitHook after_commit_;
};

namespace internal {

// All of the work or nothing of it: others may be in the same batch.
template <class R, class F>
R RunInSavepoint(Connection& connection, F& work) {
  TRY(connection.Execute("SAVEPOINT work"));
  R result = work(connection);
  TRY(connection.Execute(result ? "RELEASE work" : "ROLLBACK TO work; RELEASE work"));
  return result;
}

template <class R, class F>
class PlainWrite final : public WriteOperation {
 public:
  explicit PlainWrite(F work) : work_(std::move(work)) {}
  R On(Database& database) {
    std::future<R> answer = answer_.get_future();
    TRY(database.SubmitWrite(*this));
    return answer.get();
  }
  void Apply(WriterState& state) override {
    result_ = RunInSavepoint<R>(static_cast<PlainKind::Writer&>(state).connection, work_);
  }
  void Done(const Status& outcome) override {
    // Whoever waits destroys this as soon as it has the answer.
    std::promise<R> answer = std::move(answer_);
    if (!outcome) return answer.set_value(std::unexpected(outcome.error()));
    answer.set_value(std::move(result_));
  }

 private:
  F work_;
  R result_ = std::unexpected(Error(Code::kInternal, "NOT_APPLIED", "the write was not applied"));
  std::promise<R> answer_;
};

template <class R, class F>
class PlainRead final : public ReadOperation {
 public:
  explicit PlainRead(F work) : work_(std::move(work)) {}
  R On(Database& database) {
    std::future<R> answer = answer_.get_future();
    TRY(database.SubmitRead(*this));
    return answer.get();
  }
  void Run(ReaderState& state) override {
    Connection& connection = static_cast<PlainKind::Reader&>(state).connection;
    R result = InOneState(connection);
    std::promise<R> answer = std::move(answer_);
    answer.set_value(std::move(result));
  }
  void Fail(Error error) override {
    std::promise<R> answer = std::move(answer_);
    answer.set_value(std::unexpected(std::move(error)));
  }

 private:
  R InOneState(Connection& connection) {
    // Reads that came together are in a transaction already.
    if (connection.in_transaction()) return work_(connection);
    TRY(connection.BeginRead());
    R result = work_(connection);
    TRY(connection.Rollback());
    return result;
  }

  F work_;
  std::promise<R> answer_;
};

}  // namespace internal

// `work` takes the Connection and answers a Status or Result. WriteAndWait: in a transaction that
// is on disk when it returns; an error of `work` takes back what it did. ReadAndWait: on one state
// of the file. Both are of a Database of a PlainKind, and block: not on a shard, nor in one
// another.
template <class F>
std::invoke_result_t<F&, Connection&> WriteAndWait(Database& database, F work) {
  return internal::PlainWrite<std::invoke_result_t<F&, Connection&>, F>(std::move(work))
      .On(database);
}
template <class F>
std::invoke_result_t<F&, Connection&> ReadAndWait(Database& database, F work) {
  return internal::PlainRead<std::invoke_result_t<F&, Connection&>, F>(std::move(work))
      .On(database);
}

}  // namespace prism::sqlite

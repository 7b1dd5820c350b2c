// For tests: the smallest kind of database, a table of numbers, and operations on it that tests
// wait for.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "sqlite/database.h"

namespace prism::sqlite::testing {

// numbers(id, value) and one counter row that each batch with a change rewrites in BeforeCommit.
class Numbers final : public DatabaseKind {
 public:
  struct Writer final : WriterState {
    explicit Writer(Connection& connection) : db(connection) {}
    Status BeforeCommit() override {
      return db.Execute("UPDATE total SET value = (SELECT count(*) FROM numbers)");
    }
    void AfterCommit() override {}
    void AfterRollback() override {}
    Result<bool> Housekeep() override { return false; }
    Connection& db;
  };
  struct Reader final : ReaderState {
    explicit Reader(Connection& connection) : db(connection) {}
    Connection& db;
  };

  std::span<const SchemaPart> Parts() const override { return kParts; }
  Result<std::unique_ptr<WriterState>> MakeWriter(Connection& connection) override {
    return std::make_unique<Writer>(connection);
  }
  Result<std::unique_ptr<ReaderState>> MakeReader(Connection& connection) override {
    return std::make_unique<Reader>(connection);
  }

 private:
  static constexpr std::array<std::string_view, 1> kSteps = {
      "CREATE TABLE numbers(id INTEGER PRIMARY KEY, value BLOB NOT NULL);"
      "CREATE TABLE total(value INTEGER NOT NULL); INSERT INTO total VALUES(0);"};
  static constexpr std::array<SchemaPart, 1> kParts = {SchemaPart{"numbers", kSteps}};
};

// One value from another thread. May be destroyed as soon as Wait has returned.
template <class T>
class Answer {
 public:
  void Set(T value) {
    const std::lock_guard lock(mutex_);
    value_.emplace(std::move(value));
    changed_.notify_all();
  }
  T Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return value_.has_value(); });
    return *value_;
  }
  bool ready() {
    const std::lock_guard lock(mutex_);
    return value_.has_value();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<T> value_;
};

// Any work on the writing connection.
class Write final : public WriteOperation {
 public:
  explicit Write(std::function<Status(Connection&)> work) : work_(std::move(work)) {}
  static std::function<Status(Connection&)> Put(std::int64_t id, std::string value) {
    return [id, value = std::move(value)](Connection& db) -> Status {
      TRY_ASSIGN(Statement put,
                 db.Prepare("INSERT OR REPLACE INTO numbers(id, value) VALUES(?1, ?2)"));
      return put.Int(1, id).Blob(2, value).Run();
    };
  }

  void Apply(WriterState& state) override { own_ = work_(static_cast<Numbers::Writer&>(state).db); }
  void Done(const Status& outcome) override { answer_.Set(outcome ? own_ : outcome); }

  Status Submit(Database& database) { return database.SubmitWrite(*this); }
  Status Wait() { return answer_.Wait(); }
  bool ready() { return answer_.ready(); }

 private:
  std::function<Status(Connection&)> work_;
  Status own_;
  Answer<Status> answer_;
};

inline Status Put(Database& database, std::int64_t id, std::string value) {
  Write write(Write::Put(id, std::move(value)));
  TRY(write.Submit(database));
  return write.Wait();
}

class Read final : public ReadOperation {
 public:
  explicit Read(std::function<Result<std::optional<std::string>>(Connection&)> work)
      : work_(std::move(work)) {}
  void Run(ReaderState& state) override {
    answer_.Set(work_(static_cast<Numbers::Reader&>(state).db));
  }
  void Fail(Error error) override { answer_.Set(std::unexpected(std::move(error))); }

  Result<std::optional<std::string>> On(Database& database) {
    TRY(database.SubmitRead(*this));
    return answer_.Wait();
  }

 private:
  std::function<Result<std::optional<std::string>>(Connection&)> work_;
  Answer<Result<std::optional<std::string>>> answer_;
};

inline Result<std::optional<std::string>> Get(Database& database, std::int64_t id) {
  Read read([id](Connection& db) -> Result<std::optional<std::string>> {
    TRY_ASSIGN(Statement get, db.Prepare("SELECT value FROM numbers WHERE id = ?1"));
    TRY_ASSIGN(const bool found, get.Int(1, id).Step());
    if (!found) return std::nullopt;
    return std::string(get.BlobAt(0));
  });
  return read.On(database);
}

}  // namespace prism::sqlite::testing

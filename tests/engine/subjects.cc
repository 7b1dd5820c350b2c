#include "tests/engine/subjects.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/testing/temp_directory.h"
#include "engine/memory/memory_backend.h"
#include "engine/memory/memory_store.h"
#include "engine/sqlite/sqlite_backend.h"
#include "engine/sqlite/sqlite_store.h"

namespace prism::engine::testing {
namespace {

class MemorySubject final : public Subject {
 public:
  MemorySubject(const contract::NamespaceSettings& settings, Clock& clock)
      : budget_(1u << 30), store_(settings, budget_, clock, BuiltinMemoryModels()) {}
  std::string_view name() const override { return "memory"; }
  const Session& session() override { return store_.session(); }

 private:
  models::MemoryBudget budget_;
  MemoryStore store_;
};

// The writer's view of one file, without the threads. A checkpoint commits; every fifth one also
// closes the file and opens it again.
class SqliteSubject final : public Subject {
 public:
  SqliteSubject(const contract::NamespaceSettings& settings, Clock& clock)
      : limits_(settings), kind_(limits_, clock, BuiltinSqliteModels()) {
    Open();
  }
  std::string_view name() const override { return "sqlite"; }
  const Session& session() override { return writer_->session().session(); }
  void Checkpoint() override {
    Must(writer_->BeforeCommit());
    Must(connection_->Commit());
    writer_->AfterCommit();
    if (++checkpoints_ % 5 == 0) {
      Close();
      Open();
    } else {
      Must(connection_->Begin());
    }
  }

 private:
  static void Must(const Status& status) {
    if (status) return;
    fmt::print(stderr, "{}\n", status.error().ToString());
    std::abort();
  }
  void Open() {
    auto opened = sqlite::Connection::Open({.path = directory_.File("test.db"), .create = true});
    Must(opened ? Status() : std::unexpected(opened.error()));
    connection_ = *std::move(opened);
    // What is compared are answers, not durability.
    Must(connection_->Execute("PRAGMA synchronous=OFF"));
    Must(sqlite::Migrate(*connection_, kind_.Parts()));
    auto writer = kind_.MakeWriter(*connection_);
    Must(writer ? Status() : std::unexpected(writer.error()));
    state_ = *std::move(writer);
    writer_ = static_cast<SqliteNamespaceKind::Writer*>(state_.get());
    Must(connection_->Begin());
  }
  void Close() {
    state_.reset();
    connection_.reset();
  }

  base::testing::TempDirectory directory_;
  models::NamespaceLimits limits_;
  SqliteNamespaceKind kind_;
  std::unique_ptr<sqlite::Connection> connection_;
  std::unique_ptr<sqlite::WriterState> state_;
  SqliteNamespaceKind::Writer* writer_ = nullptr;
  int checkpoints_ = 0;
};

}  // namespace

std::vector<std::unique_ptr<Subject>> AllSubjects(const contract::NamespaceSettings& settings,
                                                  Clock& clock) {
  std::vector<std::unique_ptr<Subject>> subjects;
  subjects.push_back(std::make_unique<MemorySubject>(settings, clock));
  subjects.push_back(std::make_unique<SqliteSubject>(settings, clock));
  return subjects;
}

}  // namespace prism::engine::testing

#include "engine/sqlite/sqlite_store.h"

#include <array>
#include <utility>

namespace prism::engine {
namespace {

// What a second of housekeeping, or one round of it when more is due, removes of each model.
constexpr std::size_t kSweepBudget = 500;

// Tables that do not belong to a model.
constexpr std::array<std::string_view, 1> kSharedSteps = {
    "CREATE TABLE meta(name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) WITHOUT ROWID;"};
constexpr std::array<std::string_view, 1> kRequestSteps = {SqliteDedupStore::kSchema};

class Reader final : public sqlite::ReaderState {
 public:
  Reader(sqlite::Connection& connection, const models::NamespaceLimits& limits,
         std::span<const SqliteModel* const> models)
      : session_(connection, limits, models) {}
  const Session& session() const { return session_.session(); }

 private:
  SqliteSession session_;
};

class WriteNode final : public sqlite::WriteOperation {
 public:
  explicit WriteNode(StoreWork& work) : work_(work) {}
  void Apply(sqlite::WriterState& state) override {
    if (work_.Abandoned(MonotonicNow())) return work_.Drop();
    work_.Run(static_cast<SqliteNamespaceKind::Writer&>(state).session().session());
  }
  void Done(const Status& outcome) override {
    if (!outcome) work_.Fail(outcome.error());
    work_.Finish();
  }

 private:
  StoreWork& work_;
};

class ReadNode final : public sqlite::ReadOperation {
 public:
  explicit ReadNode(StoreWork& work) : work_(work) {}
  void Run(sqlite::ReaderState& state) override {
    if (work_.Abandoned(MonotonicNow())) {
      work_.Drop();
    } else {
      work_.Run(static_cast<Reader&>(state).session());
    }
    work_.Finish();
  }
  void Fail(Error error) override {
    work_.Fail(std::move(error));
    work_.Finish();
  }

 private:
  StoreWork& work_;
};

}  // namespace

SqliteSession::SqliteSession(sqlite::Connection& connection, const models::NamespaceLimits& limits,
                             std::span<const SqliteModel* const> models)
    : space_(connection, limits),
      dedup_(space_),
      models_([&] {
        std::vector<std::unique_ptr<ModelStore>> made;
        for (const SqliteModel* model : models) made.push_back(model->make(space_));
        return made;
      }()),
      pointers_(Pointers(models_)),
      session_(pointers_, dedup_) {}

std::vector<ModelStore*> SqliteSession::Pointers(
    const std::vector<std::unique_ptr<ModelStore>>& models) {
  std::vector<ModelStore*> pointers;
  for (const auto& model : models) pointers.push_back(model.get());
  return pointers;
}

SqliteNamespaceKind::SqliteNamespaceKind(const models::NamespaceLimits& limits, Clock& clock,
                                         std::span<const SqliteModel* const> models)
    : limits_(limits), clock_(clock), models_(models.begin(), models.end()) {
  parts_.push_back({.name = "shared", .steps = kSharedSteps});
  parts_.push_back({.name = "request_ids", .steps = kRequestSteps});
  for (const SqliteModel* model : models_) {
    parts_.push_back({.name = model->id, .steps = model->schema});
  }
}

Result<std::unique_ptr<sqlite::WriterState>> SqliteNamespaceKind::MakeWriter(
    sqlite::Connection& connection) {
  auto writer = std::make_unique<Writer>(*this, connection);
  TRY(writer->session().space().Load(clock_.Now()));
  return writer;
}

Result<std::unique_ptr<sqlite::ReaderState>> SqliteNamespaceKind::MakeReader(
    sqlite::Connection& connection) {
  return std::make_unique<Reader>(connection, limits_, models_);
}

Result<bool> SqliteNamespaceKind::Writer::Housekeep() {
  const WallMillis now = clock_.Now();
  bool more = false;
  for (const auto& model : session_.models()) {
    TRY_ASSIGN(const bool due, model->Sweep(now, kSweepBudget));
    more |= due;
  }
  TRY_ASSIGN(const bool due, session_.dedup().Sweep(now, kSweepBudget));
  return more || due;
}

SqliteStore::SqliteStore(const contract::NamespaceSettings& settings,
                         std::shared_ptr<SqliteFiles> files, Clock& clock,
                         std::span<const SqliteModel* const> models, std::string vfs)
    : Store(settings),
      files_(std::move(files)),
      kind_(limits(), clock, models),
      database_(files_->executor.Make(
          {.path = files_->directory.NamespaceFile(settings.name), .vfs = std::move(vfs)}, kind_,
          &files_->guard)) {}

Status SqliteStore::SubmitRead(StoreWork& work) {
  return database_->SubmitRead(work.MakeNode<ReadNode>(work));
}

Status SqliteStore::SubmitWrite(StoreWork& work) {
  return database_->SubmitWrite(work.MakeNode<WriteNode>(work));
}

}  // namespace prism::engine

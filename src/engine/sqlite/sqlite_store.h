// One namespace's data in one SQLite file.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sqlite/sqlite_dedup_store.h"
#include "engine/sqlite/sqlite_space.h"
#include "engine/store.h"
#include "models/page_token.h"
#include "sqlite/data_directory.h"
#include "sqlite/database.h"
#include "sqlite/executor.h"

namespace prism::engine {

// How a model keeps its data in a file. What `make` returns is used by one thread at a time.
struct SqliteModel {
  std::string_view id;                       // that of its Model
  std::span<const std::string_view> schema;  // steps, see sqlite::SchemaPart
  std::unique_ptr<ModelStore> (*make)(SqliteSpace& space);
};

// The stores of all models on one connection.
class SqliteSession {
 public:
  SqliteSession(sqlite::Connection& connection, const models::NamespaceLimits& limits,
                std::span<const SqliteModel* const> models);

  SqliteSpace& space() { return space_; }
  SqliteDedupStore& dedup() { return dedup_; }
  std::span<const std::unique_ptr<ModelStore>> models() const { return models_; }
  const Session& session() const { return session_; }

 private:
  static std::vector<ModelStore*> Pointers(const std::vector<std::unique_ptr<ModelStore>>& models);

  SqliteSpace space_;
  SqliteDedupStore dedup_;
  std::vector<std::unique_ptr<ModelStore>> models_;
  std::vector<ModelStore*> pointers_;
  Session session_;
};

// The kind of file that a namespace has. Immutable; limits and clock outlive it.
class SqliteNamespaceKind final : public sqlite::DatabaseKind {
 public:
  SqliteNamespaceKind(const models::NamespaceLimits& limits, Clock& clock,
                      std::span<const SqliteModel* const> models);

  std::span<const sqlite::SchemaPart> Parts() const override { return parts_; }
  Result<std::unique_ptr<sqlite::WriterState>> MakeWriter(sqlite::Connection& connection) override;
  Result<std::unique_ptr<sqlite::ReaderState>> MakeReader(sqlite::Connection& connection) override;

  // What belongs to a writing connection. Writer's thread only.
  class Writer final : public sqlite::WriterState {
   public:
    Writer(SqliteNamespaceKind& kind, sqlite::Connection& connection)
        : clock_(kind.clock_), session_(connection, kind.limits_, kind.models_) {}
    Status BeforeCommit() override { return session_.space().Store(); }
    void AfterCommit() override { session_.space().Keep(); }
    void AfterRollback() override { session_.space().Forget(); }
    Result<bool> Housekeep() override;
    SqliteSession& session() { return session_; }

   private:
    Clock& clock_;
    SqliteSession session_;
  };

 private:
  const models::NamespaceLimits& limits_;
  Clock& clock_;
  const std::vector<const SqliteModel*> models_;
  std::vector<sqlite::SchemaPart> parts_;
};

// What the stores of one data directory share. Lives as long as the last of them.
struct SqliteFiles {
  SqliteFiles(sqlite::DataDirectory owned, const models::TokenKey& tokens,
              const sqlite::ExecutorOptions& threads, std::unique_ptr<sqlite::DiskProbe> disk)
      : directory(std::move(owned)),
        token_key(tokens),
        probe(std::move(disk)),
        guard(directory.path(), *probe),
        executor(threads) {}

  sqlite::DataDirectory directory;
  models::TokenKey token_key;  // kept in the directory: scans go on after a restart
  std::unique_ptr<sqlite::DiskProbe> probe;
  sqlite::DiskGuard guard;
  sqlite::Executor executor;
};

// Writes run on the file's writer thread in batches and are on disk when they are answered; reads
// run on reader threads on the committed state. The destructor blocks until the file is closed: not
// on a shard. Thread-safe.
class SqliteStore final : public Store {
 public:
  // `clock` outlives the store.
  SqliteStore(const contract::NamespaceSettings& settings, std::shared_ptr<SqliteFiles> files,
              Clock& clock, std::span<const SqliteModel* const> models, std::string vfs = {});

  // Blocking; see sqlite::Database::Open.
  Status Open() { return database_->Open(); }

  contract::Durability durability() const override { return contract::Durability::kFsynced; }
  const models::TokenKey* token_key() const override { return &files_->token_key; }
  Status SubmitRead(StoreWork& work) override;
  Status SubmitWrite(StoreWork& work) override;

  sqlite::Database& database() { return *database_; }

 private:
  std::shared_ptr<SqliteFiles> files_;
  SqliteNamespaceKind kind_;
  std::unique_ptr<sqlite::Database> database_;
};

}  // namespace prism::engine

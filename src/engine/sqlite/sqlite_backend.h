// The backend "sqlite": an answered write survives a loss of power.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "contract/backend.h"
#include "engine/local_engine.h"
#include "engine/sqlite/sqlite_store.h"
#include "sqlite/keyed_objects.h"

namespace prism::engine {

// The models that sqlite has stores for.
std::span<const SqliteModel* const> BuiltinSqliteModels();

struct SqliteBackendOptions {
  std::string data_dir;  // made and locked
  sqlite::ExecutorOptions threads = {};
  std::unique_ptr<sqlite::DiskProbe> disk = nullptr;  // null: the system's
  std::string vfs = {};                               // empty: the system's
};

// Owns the data directory: one file per namespace, made by its first write. Every namespace that
// was opened stays so until it is purged, or the backend and whoever is bound to it are gone.
// Thread-safe.
class SqliteBackend final : public contract::Backend {
 public:
  static constexpr contract::BackendTraits kTraits = {
      .type = "sqlite",
      .durability = contract::Durability::kFsynced,
      .ordered_scan = true,
      .dedup = true,
      .ttl_precision_ms = 1,
      .strongest = contract::Consistency::kStrong,
  };

  // Blocking. The errors of sqlite::DataDirectory::Open and TokenKey::LoadOrCreate;
  // FAILED_PRECONDITION/MODEL_WITHOUT_STORE when the engine has a model that is not among `stores`.
  static Result<std::unique_ptr<SqliteBackend>> Make(
      LocalEngine& engine, SqliteBackendOptions options,
      std::span<const SqliteModel* const> stores = BuiltinSqliteModels());

  const contract::BackendTraits& traits() const override { return kTraits; }
  std::span<const contract::InterfaceInfo* const> Interfaces() const override {
    return engine_.Interfaces();
  }
  // DATA_LOSS/FILE_DAMAGED, FAILED_PRECONDITION/FILE_TOO_NEW, FILE_FOREIGN or FILE_UNREADABLE about
  // the namespace's file.
  Result<std::shared_ptr<contract::NamespaceBackend>> Open(
      const contract::NamespaceSettings& settings) override;
  // Closes the file and removes it, durably. The errors of
  // sqlite::DataDirectory::RemoveNamespaceFiles.
  Status Purge(std::string_view ns) override;
  // The first file that was closed after an error, or a disk that is nearly full.
  Status Health() override;

  const sqlite::DataDirectory& directory() const { return files_->directory; }

 private:
  SqliteBackend(LocalEngine& engine, std::shared_ptr<SqliteFiles> files,
                std::vector<const SqliteModel*> stores, std::string vfs);

  LocalEngine& engine_;
  const std::shared_ptr<SqliteFiles> files_;
  const std::vector<const SqliteModel*> stores_;  // in the order of the engine's models
  const std::string vfs_;
  sqlite::KeyedObjects<LocalNamespace> namespaces_;
};

}  // namespace prism::engine

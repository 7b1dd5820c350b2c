#include "engine/sqlite/sqlite_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "engine/sqlite/sqlite_keyvalue_store.h"

namespace prism::engine {
namespace {

template <class S>
std::unique_ptr<ModelStore> MakeStore(SqliteSpace& space) {
  return std::make_unique<S>(space);
}

constexpr std::array<std::string_view, 1> kKeyValueSteps = {SqliteKeyValueStore::kSchema};
constexpr SqliteModel kKeyValue = {
    .id = "keyvalue", .schema = kKeyValueSteps, .make = &MakeStore<SqliteKeyValueStore>};
constexpr std::array<const SqliteModel*, 1> kModels = {&kKeyValue};

}  // namespace

std::span<const SqliteModel* const> BuiltinSqliteModels() { return kModels; }

SqliteBackend::SqliteBackend(LocalEngine& engine, std::shared_ptr<SqliteFiles> files,
                             std::vector<const SqliteModel*> stores, std::string vfs)
    : engine_(engine), files_(std::move(files)), stores_(std::move(stores)), vfs_(std::move(vfs)) {}

Result<std::unique_ptr<SqliteBackend>> SqliteBackend::Make(
    LocalEngine& engine, SqliteBackendOptions options, std::span<const SqliteModel* const> stores) {
  std::vector<const SqliteModel*> ordered;
  for (const Model* model : engine.models()) {
    const auto found = std::ranges::find(stores, model->id, &SqliteModel::id);
    if (found == stores.end()) {
      return std::unexpected(
          Error(Code::kFailedPrecondition, "MODEL_WITHOUT_STORE",
                fmt::format("The sqlite engine has no store for the model {}; add one to its list "
                            "of models.",
                            model->id)));
    }
    ordered.push_back(*found);
  }
  TRY_ASSIGN(sqlite::DataDirectory directory, sqlite::DataDirectory::Open(options.data_dir));
  TRY_ASSIGN(const models::TokenKey tokens,
             models::TokenKey::LoadOrCreate(directory.path() + "/token.key"));
  if (options.disk == nullptr) options.disk = std::make_unique<sqlite::SystemDiskProbe>();
  auto files = std::make_shared<SqliteFiles>(std::move(directory), tokens, options.threads,
                                             std::move(options.disk));
  return std::unique_ptr<SqliteBackend>(
      new SqliteBackend(engine, std::move(files), std::move(ordered), std::move(options.vfs)));
}

Result<std::shared_ptr<contract::NamespaceBackend>> SqliteBackend::Open(
    const contract::NamespaceSettings& settings) {
  TRY_ASSIGN(
      std::shared_ptr<LocalNamespace> open,
      namespaces_.FindOrMake(settings.name, [&]() -> Result<std::shared_ptr<LocalNamespace>> {
        auto store =
            std::make_unique<SqliteStore>(settings, files_, engine_.clock(), stores_, vfs_);
        TRY(store->Open());
        return engine_.Serve(settings, std::move(store));
      }));
  open->Configure(settings);
  return open;
}

Status SqliteBackend::Purge(std::string_view ns) {
  return namespaces_.Drop(std::string(ns), [&](LocalNamespace* open) {
    // Not left to the destructor: the janitor may be looking at it just now.
    if (open != nullptr) static_cast<SqliteStore&>(open->store()).database().Close();
    return files_->directory.RemoveNamespaceFiles(ns);
  });
}

Status SqliteBackend::Health() {
  TRY(files_->guard.Check());
  Status health;
  namespaces_.ForEach([&health](LocalNamespace& open) {
    const Status usable = static_cast<SqliteStore&>(open.store()).database().WriteFailure();
    if (health && !usable) health = usable;
  });
  return health;
}

}  // namespace prism::engine

#include "sqlite/migrations.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "sqlite/error.h"

namespace prism::sqlite {
namespace {

constexpr std::string_view kCreateParts =
    "CREATE TABLE prism_schema(part TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID";

Result<std::int64_t> PartVersion(Connection& connection, std::string_view name) {
  TRY_ASSIGN(Statement statement,
             connection.Prepare("SELECT version FROM prism_schema WHERE part = ?1"));
  statement.Text(1, name);
  TRY_ASSIGN(const bool row, statement.Step());
  const std::int64_t version = row ? statement.IntAt(0) : 0;
  if (version < 0) {
    return std::unexpected(NativeError(SQLITE_CORRUPT, connection.path(), "read",
                                       fmt::format("part '{}' has version {}", name, version)));
  }
  return version;
}

Status Upgrade(Connection& connection, const SchemaPart& part, std::int64_t from) {
  for (const std::string_view step : part.steps.subspan(static_cast<std::size_t>(from))) {
    TRY(connection.Execute(step));
  }
  TRY_ASSIGN(Statement statement,
             connection.Prepare("INSERT INTO prism_schema(part, version) VALUES(?1, ?2) "
                                "ON CONFLICT(part) DO UPDATE SET version = excluded.version"));
  return statement.Text(1, part.name).Int(2, static_cast<std::int64_t>(part.steps.size())).Run();
}

Status MigrateInTransaction(Connection& connection, std::span<const SchemaPart> parts) {
  TRY_ASSIGN(const std::int64_t container, connection.QueryInt("PRAGMA user_version"));
  if (container == 0) {
    TRY(connection.Execute(kCreateParts));
    TRY(connection.Execute(fmt::format("PRAGMA application_id={}; PRAGMA user_version={};",
                                       kApplicationId, kContainerVersion)));
  } else if (container > kContainerVersion) {
    return std::unexpected(
        FileTooNewError(connection.path(), "container", container, kContainerVersion));
  }
  for (const SchemaPart& part : parts) {
    const auto supported = static_cast<std::int64_t>(part.steps.size());
    TRY_ASSIGN(const std::int64_t found, PartVersion(connection, part.name));
    if (found > supported) {
      return std::unexpected(FileTooNewError(connection.path(), part.name, found, supported));
    }
    if (found < supported) TRY(Upgrade(connection, part, found));
  }
  return {};
}

}  // namespace

Result<bool> NeedsMigration(Connection& connection, std::span<const SchemaPart> parts) {
  TRY_ASSIGN(const std::int64_t container, connection.QueryInt("PRAGMA user_version"));
  if (container != kContainerVersion) return false;
  for (const SchemaPart& part : parts) {
    TRY_ASSIGN(const std::int64_t found, PartVersion(connection, part.name));
    if (found < static_cast<std::int64_t>(part.steps.size())) return true;
  }
  return false;
}

Status Migrate(Connection& connection, std::span<const SchemaPart> parts) {
  TRY(connection.Begin());
  Status done = MigrateInTransaction(connection, parts);
  if (done) done = connection.Commit();
  if (!done) {
    // The first error is the one that explains.
    static_cast<void>(connection.Rollback());
  }
  return done;
}

}  // namespace prism::sqlite

#include "gateway/admin/operation_store.h"

#include <nlohmann/json.hpp>

#include <array>

#include "sqlite/plain_database.h"

namespace prism::gateway {

namespace {

using sqlite::Connection;
using sqlite::Statement;

constexpr std::array<std::string_view, 2> kSteps = {R"sql(
-- Times are milliseconds since 1970, UTC.
CREATE TABLE operations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  ended_at INTEGER,                     -- NULL: it goes on
  error TEXT NOT NULL DEFAULT '',
  result TEXT NOT NULL DEFAULT ''
);
)sql",
                                                    R"sql(
ALTER TABLE operations ADD COLUMN object TEXT NOT NULL DEFAULT '';  -- "namespace/orders"
)sql"};

constexpr std::string_view kColumns =
    "SELECT id, kind, created_by, created_at, ended_at, error, result, object FROM operations ";

OperationRecord RecordAt(const Statement& row) {
  OperationRecord record;
  record.id = row.IntAt(0);
  record.kind = row.TextAt(1);
  record.created_by = row.TextAt(2);
  record.created_at = row.IntAt(3);
  if (!row.IsNullAt(4)) record.ended_at = row.IntAt(4);
  record.error = row.TextAt(5);
  record.result = row.TextAt(6);
  record.object = row.TextAt(7);
  return record;
}

Status Forget(Connection& connection, WallMillis now) {
  TRY_ASSIGN(Statement statement,
             connection.Prepare("DELETE FROM operations WHERE ended_at IS NOT NULL AND "
                                "(ended_at < ?1 OR id <= (SELECT max(id) FROM operations) - ?2)"));
  return statement.Int(1, now - OperationStore::kKeepEnded)
      .Int(2, static_cast<std::int64_t>(OperationStore::kMaxKept))
      .Run();
}

}  // namespace

sqlite::SchemaPart OperationStore::Part() { return {"operations", kSteps}; }

Status OperationStore::Start(const std::vector<std::string>& resumed) {
  const std::string objects = nlohmann::json(resumed).dump();
  return sqlite::WriteAndWait(database_, [&, now = clock_.Now()](Connection& connection) -> Status {
    TRY_ASSIGN(Statement statement,
               connection.Prepare("UPDATE operations SET ended_at = ?1, error = 'ABORTED/"
                                  "INTERRUPTED: the server ended before it did: begin it again' "
                                  "WHERE ended_at IS NULL AND "
                                  "object NOT IN (SELECT value FROM json_each(?2))"));
    return statement.Int(1, now).Text(2, objects).Run();
  });
}

Result<OperationRecord> OperationStore::Begin(std::string_view kind, std::string_view by,
                                              const Also& also) {
  return Begin({.kind = std::string(kind), .created_by = std::string(by)}, also);
}

Result<OperationRecord> OperationStore::Begin(OperationRecord record, const Also& also) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Result<OperationRecord> {
    TRY(BeginIn(connection, record));
    if (also) TRY(also(connection));
    return record;
  });
}

Status OperationStore::BeginIn(Connection& connection, OperationRecord& record) {
  record.created_at = clock_.Now();
  TRY_ASSIGN(Statement statement,
             connection.Prepare("INSERT INTO operations(kind, object, created_by, created_at) "
                                "VALUES(?1, ?2, ?3, ?4)"));
  statement.Text(1, record.kind).Text(2, record.object).Text(3, record.created_by);
  TRY(statement.Int(4, record.created_at).Run());
  TRY_ASSIGN(record.id, connection.QueryInt("SELECT max(id) FROM operations"));
  return {};
}

Status OperationStore::EndIn(Connection& connection, const std::string& object,
                             const std::string& result) {
  const WallMillis now = clock_.Now();
  TRY_ASSIGN(Statement statement,
             connection.Prepare("UPDATE operations SET ended_at = ?2, result = ?3 "
                                "WHERE object = ?1 AND ended_at IS NULL"));
  TRY(statement.Text(1, object).Int(2, now).Text(3, result).Run());
  return Forget(connection, now);
}

Status OperationStore::End(std::int64_t id, const Result<std::string>& result) {
  const std::string error = result ? std::string() : result.error().ToString();
  const std::string text = result.value_or("");
  const WallMillis now = clock_.Now();
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    TRY_ASSIGN(Statement statement,
               connection.Prepare("UPDATE operations SET ended_at = ?2, error = ?3, result = ?4 "
                                  "WHERE id = ?1"));
    TRY(statement.Int(1, id).Int(2, now).Text(3, error).Text(4, text).Run());
    return Forget(connection, now);
  });
}

Result<std::optional<OperationRecord>> OperationStore::Find(std::int64_t id) {
  return sqlite::ReadAndWait(
      database_, [id](Connection& connection) -> Result<std::optional<OperationRecord>> {
        TRY_ASSIGN(Statement statement,
                   connection.Prepare(std::string(kColumns) + "WHERE id = ?1"));
        TRY_ASSIGN(const bool found, statement.Int(1, id).Step());
        if (!found) return std::nullopt;
        return RecordAt(statement);
      });
}

Result<std::vector<OperationRecord>> OperationStore::List(std::int64_t before, std::size_t limit) {
  return sqlite::ReadAndWait(
      database_, [&](Connection& connection) -> Result<std::vector<OperationRecord>> {
        TRY_ASSIGN(Statement statement,
                   connection.Prepare(std::string(kColumns) +
                                      "WHERE ?1 = 0 OR id < ?1 ORDER BY id DESC LIMIT ?2"));
        statement.Int(1, before).Int(2, static_cast<std::int64_t>(limit));
        std::vector<OperationRecord> records;
        for (;;) {
          TRY_ASSIGN(const bool more, statement.Step());
          if (!more) return records;
          records.push_back(RecordAt(statement));
        }
      });
}

}  // namespace prism::gateway

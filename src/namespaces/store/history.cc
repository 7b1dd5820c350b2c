#include "namespaces/store/history.h"

#include <fmt/format.h>

#include <array>

namespace prism::namespaces {

namespace {

// Both tables have the same columns in the same order, but for the name of the second one.
enum Column : std::uint8_t {
  kId,
  kObjectId,
  kOperation,
  kChangedAt,
  kChangedBy,
  kOldConfig,
  kNewConfig,
  kName,
  kRevision,
  kReason,
  kPreviousHash,
};
constexpr std::array<std::string_view, 11> kNamespaceColumns = {
    "id",         "namespace_id", "operation", "changed_at", "changed_by",   "old_config",
    "new_config", "name",         "revision",  "reason",     "previous_hash"};
constexpr std::array<std::string_view, 11> kBackendColumns = {
    "id",         "backend_id", "operation", "changed_at", "changed_by",   "old_config",
    "new_config", "name",       "revision",  "reason",     "previous_hash"};

constinit const Table kNamespaceHistoryTable("namespace_history", kNamespaceColumns, "hash",
                                             Table::Hash::kFull);
constinit const Table kBackendHistoryTable("backend_history", kBackendColumns, "hash",
                                           Table::Hash::kFull);

Result<HistoryEntry> ToEntry(const Row& row) {
  HistoryEntry entry;
  TRY_ASSIGN(entry.id, NumberIn(row[kId]));
  TRY_ASSIGN(entry.object_id, NumberIn(row[kObjectId]));
  TRY_ASSIGN(entry.changed_at, NumberIn(row[kChangedAt]));
  TRY_ASSIGN(entry.revision, NumberIn(row[kRevision]));
  entry.operation = row[kOperation].value_or("");
  entry.changed_by = row[kChangedBy].value_or("");
  entry.old_config = row[kOldConfig];
  entry.new_config = row[kNewConfig];
  entry.name = row[kName].value_or("");
  entry.reason = row[kReason].value_or("");
  return entry;
}

Error Broken(std::string what) {
  return {Code::kDataLoss, "HISTORY_BROKEN",
          fmt::format("the history was changed behind this program's back: {}", what)};
}

}  // namespace

constinit const History kNamespaceHistory(kNamespaceHistoryTable);
constinit const History kBackendHistory(kBackendHistoryTable);

Status History::Append(sqlite::Connection& connection, const HistoryEntry& entry,
                       std::string& head) const {
  TRY_ASSIGN(const std::int64_t id, table_.NextId(connection));
  const Row row = {std::to_string(id),
                   std::to_string(entry.object_id),
                   entry.operation,
                   std::to_string(entry.changed_at),
                   entry.changed_by,
                   entry.old_config,
                   entry.new_config,
                   entry.name,
                   std::to_string(entry.revision),
                   entry.reason,
                   head};
  TRY(table_.Insert(connection, row));
  head = table_.HashOf(row);
  return {};
}

Result<std::vector<HistoryEntry>> History::Select(sqlite::Connection& connection,
                                                  std::string_view where,
                                                  std::span<const std::string> arguments) const {
  TRY_ASSIGN(const std::vector<Row> rows, table_.Select(connection, where, arguments));
  std::vector<HistoryEntry> entries;
  entries.reserve(rows.size());
  for (const Row& row : rows) {
    TRY_ASSIGN(HistoryEntry entry, ToEntry(row));
    entry.hash = table_.HashOf(row);
    entries.push_back(std::move(entry));
  }
  return entries;
}

Status History::Verify(sqlite::Connection& connection, std::string_view head) const {
  // Bounded steps, so that a long history is never in memory at once.
  constexpr std::string_view kStep = "WHERE id > ?1 ORDER BY id LIMIT 1000";
  std::string hash(kFirstHash);
  std::string last = "0";
  for (;;) {
    auto rows = table_.Select(connection, kStep, {&last, 1});
    if (!rows) return std::unexpected(Broken(rows.error().message()));
    if (rows->empty()) break;
    for (const Row& row : *rows) {
      if (row[kPreviousHash] != hash) {
        return std::unexpected(Broken(fmt::format("row {} of {} does not follow the row before it",
                                                  *row[kId], table_.name())));
      }
      hash = table_.HashOf(row);
    }
    last = *rows->back()[kId];
  }
  if (hash == head) return {};
  return std::unexpected(
      Broken(fmt::format("the end of {} behind row {} is missing", table_.name(), last)));
}

namespace {

// {0}: a table, {1}: its history, {2}: what that calls the id of a row.
constexpr std::string_view kStrays = R"sql(
SELECT h.name FROM {1} h
  JOIN (SELECT max(id) AS newest FROM {1} GROUP BY {2}) n ON h.id = n.newest
  LEFT JOIN {0} t ON t.id = h.{2}
  WHERE (h.new_config IS NULL) <> (t.id IS NULL) OR t.revision <> h.revision
UNION ALL
SELECT t.name FROM {0} t WHERE NOT EXISTS (SELECT 1 FROM {1} h WHERE h.{2} = t.id)
LIMIT 1)sql";

Status CheckTable(sqlite::Connection& connection, std::string_view kind, std::string_view table,
                  std::string_view history, std::string_view id) {
  TRY_ASSIGN(sqlite::Statement strays,
             connection.Prepare(fmt::format(kStrays, table, history, id)));
  TRY_ASSIGN(const bool found, strays.Step());
  if (!found) return {};
  return std::unexpected(StoreDamaged(
      fmt::format("the {} \"{}\" is not what its history ends with", kind, strays.TextAt(0))));
}

}  // namespace

Status CheckTables(sqlite::Connection& connection) {
  TRY(CheckTable(connection, "namespace", "namespaces", "namespace_history", "namespace_id"));
  return CheckTable(connection, "backend", "backends", "backend_history", "backend_id");
}

}  // namespace prism::namespaces

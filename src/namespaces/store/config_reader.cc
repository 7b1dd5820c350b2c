#include "namespaces/store/config_reader.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <set>

#include "namespaces/config_json.h"
#include "namespaces/store/store_state.h"

namespace prism::namespaces {

namespace {

using sqlite::Connection;

Result<FoundNamespace> ToFound(const Row& row, const NamespaceConfig* /*kind*/) {
  TRY_ASSIGN(Record<NamespaceConfig> record, ToNamespaceRecord(row));
  return FoundNamespace{std::move(record), row[kNamespaceTable.Index("backend")].value_or("")};
}
Result<FoundBackend> ToFound(const Row& row, const BackendConfig* /*kind*/) {
  TRY_ASSIGN(Record<BackendConfig> record, ToBackendRecord(row));
  return FoundBackend{std::move(record), row[kBackendTable.Index("type")].value_or("")};
}

// What differs between the two kinds of records.
template <class Config>
struct Kind;
template <>
struct Kind<NamespaceConfig> {
  static constexpr const Table& kTable = kNamespaceTable;
  static constexpr const History& kHistory = kNamespaceHistory;
  static constexpr std::string_view kId = "namespace_id";
  static Result<NamespaceConfig> FromJson(std::string_view text) { return NamespaceFromJson(text); }
};
template <>
struct Kind<BackendConfig> {
  static constexpr const Table& kTable = kBackendTable;
  static constexpr const History& kHistory = kBackendHistory;
  static constexpr std::string_view kId = "backend_id";
  static Result<BackendConfig> FromJson(std::string_view text) { return BackendFromJson(text); }
};

Result<Revision> ReadRevision(Connection& connection) {
  TRY_ASSIGN(const std::optional<StoreState> state, ReadState(connection));
  return state ? state->revision : 0;
}

template <class Config>
Result<std::optional<Found<Config>>> Find(Connection& connection, const std::string& name) {
  TRY_ASSIGN(const auto rows,
             Kind<Config>::kTable.Select(connection, "WHERE name = ?1", {&name, 1}));
  if (rows.empty()) return std::nullopt;
  return ToFound(rows.front(), static_cast<const Config*>(nullptr));
}

// The newest entry about a name up to a revision.
template <class Config>
Result<std::optional<HistoryEntry>> EntryAt(Connection& connection, const std::string& name,
                                            Revision revision) {
  const std::array<std::string, 2> arguments = {name, std::to_string(revision)};
  TRY_ASSIGN(
      auto entries,
      Kind<Config>::kHistory.Select(
          connection, "WHERE name = ?1 AND revision <= ?2 ORDER BY id DESC LIMIT 1", arguments));
  if (entries.empty() || !entries.front().new_config) return std::nullopt;
  return std::move(entries.front());
}

template <class Config>
Result<std::optional<Record<Config>>> RecordAt(Connection& connection, const std::string& name,
                                               Revision revision) {
  TRY_ASSIGN(const auto entry, EntryAt<Config>(connection, name, revision));
  if (!entry) return std::nullopt;
  const std::string id = std::to_string(entry->object_id);
  TRY_ASSIGN(const auto first,
             Kind<Config>::kHistory.Select(
                 connection, fmt::format("WHERE {} = ?1 ORDER BY id LIMIT 1", Kind<Config>::kId),
                 {&id, 1}));
  Record<Config> record;
  TRY_ASSIGN(record.config, Kind<Config>::FromJson(*entry->new_config));
  record.id = entry->object_id;
  record.revision = entry->revision;
  record.updated_at = entry->changed_at;
  record.created_at = first.front().changed_at;
  record.created_by = first.front().changed_by;
  return record;
}

Status CheckRevision(Connection& connection, Revision revision) {
  TRY_ASSIGN(const Revision newest, ReadRevision(connection));
  if (revision >= 1 && revision <= newest) return {};
  return std::unexpected(
      Error(Code::kOutOfRange, "REVISION_UNKNOWN",
            fmt::format("there is no revision {}: there are 1 to {}", revision, newest)));
}

Result<std::optional<FoundNamespace>> NamespaceAt(Connection& connection, const std::string& name,
                                                  Revision revision) {
  TRY(CheckRevision(connection, revision));
  TRY_ASSIGN(auto record, RecordAt<NamespaceConfig>(connection, name, revision));
  if (!record) return std::nullopt;
  TRY_ASSIGN(const auto backend,
             RecordAt<BackendConfig>(connection, record->config.backend, revision));
  return FoundNamespace{*std::move(record), backend ? backend->config.type : std::string()};
}

// What `query` asks for of the table, without its page.
std::string ConditionOf(const RecordQuery& query) {
  return fmt::format("(?2 IS NULL OR name IN (SELECT value FROM json_each(?2))) AND ({})",
                     query.where.text);
}

// Of a query whose memory outlives the statement.
class Binding {
 public:
  explicit Binding(const RecordQuery& query) : query_(query) {
    if (query.names) names_ = nlohmann::json(*query.names).dump();
  }
  void operator()(sqlite::Statement& statement) const {
    names_.empty() ? statement.Null(2) : statement.Text(2, names_);
    filter::BindParameters(query_.where, RecordQuery::kFirstParameter, statement);
  }

 private:
  const RecordQuery& query_;
  std::string names_;
};

// One number for all of the query.
Result<std::int64_t> Total(Connection& connection, std::string_view table, const RecordQuery& query,
                           const Binding& bind) {
  TRY_ASSIGN(sqlite::Statement statement,
             connection.PrepareOnce(
                 fmt::format("SELECT count(*) FROM {} WHERE {}", table, ConditionOf(query))));
  bind(statement);
  TRY(statement.Step());
  return statement.IntAt(0);
}

template <class Config>
Result<RowPage<Found<Config>>> ListOn(Connection& connection, const RecordQuery& query) {
  const Table& table = Kind<Config>::kTable;
  const Binding bind(query);
  RowPage<Found<Config>> page;
  TRY_ASSIGN(page.revision, ReadRevision(connection));
  TRY_ASSIGN(page.total, Total(connection, table.name(), query, bind));
  // One more, which says whether there is another page.
  const auto limit = static_cast<std::int64_t>(query.limit) + 1;
  TRY_ASSIGN(const auto rows,
             table.SelectOnce(
                 connection,
                 fmt::format("WHERE name > ?1 AND {} ORDER BY name LIMIT ?3", ConditionOf(query)),
                 [&](sqlite::Statement& statement) {
                   bind(statement.Text(1, query.after).Int(3, limit));
                 }));
  page.more = rows.size() > query.limit;
  page.rows.reserve(rows.size());
  for (const Row& row : rows) {
    if (page.rows.size() == query.limit) break;
    TRY_ASSIGN(Found<Config> found, ToFound(row, static_cast<const Config*>(nullptr)));
    page.rows.push_back(std::move(found));
  }
  return page;
}

Result<ConfigReader::Counts> CountOn(Connection& connection, const RecordQuery& query,
                                     std::string_view column) {
  const Binding bind(query);
  ConfigReader::Counts counts;
  TRY_ASSIGN(counts.total, Total(connection, "namespaces", query, bind));
  if (column.empty()) return counts;
  TRY_ASSIGN(sqlite::Statement statement,
             connection.PrepareOnce(fmt::format(
                 "SELECT coalesce({}, ''), count(*) FROM namespaces WHERE {} GROUP BY 1 "
                 "ORDER BY 2 DESC, 1 LIMIT ?3",
                 column, ConditionOf(query))));
  bind(statement.Int(3, static_cast<std::int64_t>(query.limit)));
  for (;;) {
    TRY_ASSIGN(const bool more, statement.Step());
    if (!more) return counts;
    counts.values.emplace_back(statement.TextAt(0), statement.IntAt(1));
  }
}

Result<RowPage<HistoryEntry>> HistoryOn(Connection& connection, const History& history,
                                        const std::string& name, std::int64_t before,
                                        std::size_t limit) {
  RowPage<HistoryEntry> page;
  TRY_ASSIGN(page.revision, ReadRevision(connection));
  const std::array<std::string, 3> arguments = {name, std::to_string(before),
                                                std::to_string(limit + 1)};
  TRY_ASSIGN(page.rows, history.Select(connection,
                                       "WHERE name = ?1 AND (?2 = '0' OR id < CAST(?2 AS INTEGER)) "
                                       "ORDER BY id DESC LIMIT CAST(?3 AS INTEGER)",
                                       arguments));
  page.more = page.rows.size() > limit;
  if (page.more) page.rows.pop_back();
  return page;
}

// Adds what one history says about the revision.
Status AddObjects(Connection& connection, const History& history, std::string_view table,
                  std::string_view kind, RevisionEntry& entry) {
  TRY_ASSIGN(sqlite::Statement count,
             connection.Prepare(
                 fmt::format("SELECT count(*) FROM {}_history WHERE revision = ?1", table)));
  TRY(count.Int(1, entry.revision).Step());
  entry.total += count.IntAt(0);
  const std::array<std::string, 2> arguments = {
      std::to_string(entry.revision),
      std::to_string(RevisionEntry::kMaxObjects - entry.objects.size())};
  TRY_ASSIGN(const auto changes,
             history.Select(connection, "WHERE revision = ?1 ORDER BY id LIMIT CAST(?2 AS INTEGER)",
                            arguments));
  for (const HistoryEntry& change : changes) {
    entry.objects.push_back(fmt::format("{}/{}", kind, change.name));
    entry.changed_at = change.changed_at;
    entry.changed_by = change.changed_by;
    entry.reason = change.reason;
  }
  return {};
}

// Revisions are counted without a gap.
Result<RowPage<RevisionEntry>> RevisionsOn(Connection& connection, Revision before,
                                           std::size_t limit) {
  RowPage<RevisionEntry> page;
  TRY_ASSIGN(page.revision, ReadRevision(connection));
  Revision next = before == 0 ? page.revision : std::min(before - 1, page.revision);
  for (; next > 0 && page.rows.size() < limit; --next) {
    RevisionEntry& entry = page.rows.emplace_back();
    entry.revision = next;
    TRY(AddObjects(connection, kBackendHistory, "backend", "backend", entry));
    TRY(AddObjects(connection, kNamespaceHistory, "namespace", "namespace", entry));
  }
  page.more = next > 0;
  return page;
}

Result<NamespaceChanges> ChangesOn(Connection& connection, std::int64_t place, std::size_t limit) {
  const std::array<std::string, 2> arguments = {std::to_string(place), std::to_string(limit)};
  TRY_ASSIGN(const auto entries,
             kNamespaceHistory.Select(
                 connection, "WHERE id > CAST(?1 AS INTEGER) ORDER BY id LIMIT CAST(?2 AS INTEGER)",
                 arguments));
  NamespaceChanges changes;
  TRY_ASSIGN(changes.revision, ReadRevision(connection));
  changes.last = entries.empty() ? place : entries.back().id;
  changes.more = entries.size() == limit;
  std::set<std::string_view> told;
  for (const HistoryEntry& entry : entries) {
    if (!told.insert(entry.name).second) continue;
    TRY_ASSIGN(auto found, Find<NamespaceConfig>(connection, entry.name));
    changes.now.emplace_back(entry.name, std::move(found));
  }
  return changes;
}

}  // namespace

std::string_view ConfigReader::CountColumn(std::string_view field) {
  constexpr std::array<std::string_view, 6> kColumns = {"backend",     "pattern", "status",
                                                        "consistency", "owner",   "created_by"};
  const auto* it = std::ranges::find(kColumns, field);
  return it == kColumns.end() ? std::string_view() : *it;
}

Result<Revision> ConfigReader::CurrentRevision() const {
  return sqlite::ReadAndWait(store_.database(), ReadRevision);
}

Result<std::optional<FoundNamespace>> ConfigReader::FindNamespace(const std::string& name) const {
  return sqlite::ReadAndWait(store_.database(), [&name](Connection& connection) {
    return Find<NamespaceConfig>(connection, name);
  });
}

Result<std::optional<FoundBackend>> ConfigReader::FindBackend(const std::string& name) const {
  return sqlite::ReadAndWait(store_.database(), [&name](Connection& connection) {
    return Find<BackendConfig>(connection, name);
  });
}

Result<std::optional<FoundNamespace>> ConfigReader::FindNamespaceAt(const std::string& name,
                                                                    Revision revision) const {
  return sqlite::ReadAndWait(store_.database(), [&](Connection& connection) {
    return NamespaceAt(connection, name, revision);
  });
}

Result<std::optional<FoundBackend>> ConfigReader::FindBackendAt(const std::string& name,
                                                                Revision revision) const {
  return sqlite::ReadAndWait(
      store_.database(), [&](Connection& connection) -> Result<std::optional<FoundBackend>> {
        TRY(CheckRevision(connection, revision));
        TRY_ASSIGN(auto record, RecordAt<BackendConfig>(connection, name, revision));
        if (!record) return std::nullopt;
        std::string type = record->config.type;
        return FoundBackend{*std::move(record), std::move(type)};
      });
}

Result<RowPage<FoundNamespace>> ConfigReader::ListNamespaces(const RecordQuery& query) const {
  return sqlite::ReadAndWait(store_.database(), [&query](Connection& connection) {
    return ListOn<NamespaceConfig>(connection, query);
  });
}

Result<RowPage<FoundBackend>> ConfigReader::ListBackends(const RecordQuery& query) const {
  return sqlite::ReadAndWait(store_.database(), [&query](Connection& connection) {
    return ListOn<BackendConfig>(connection, query);
  });
}

Result<ConfigReader::Counts> ConfigReader::CountNamespaces(const RecordQuery& query,
                                                           std::string_view column) const {
  return sqlite::ReadAndWait(store_.database(), [&](Connection& connection) {
    return CountOn(connection, query, column);
  });
}

Result<RowPage<HistoryEntry>> ConfigReader::NamespaceHistory(const std::string& name,
                                                             std::int64_t before,
                                                             std::size_t limit) const {
  return sqlite::ReadAndWait(store_.database(), [&](Connection& connection) {
    return HistoryOn(connection, kNamespaceHistory, name, before, limit);
  });
}

Result<RowPage<HistoryEntry>> ConfigReader::BackendHistory(const std::string& name,
                                                           std::int64_t before,
                                                           std::size_t limit) const {
  return sqlite::ReadAndWait(store_.database(), [&](Connection& connection) {
    return HistoryOn(connection, kBackendHistory, name, before, limit);
  });
}

Result<RowPage<RevisionEntry>> ConfigReader::Revisions(Revision before, std::size_t limit) const {
  return sqlite::ReadAndWait(store_.database(), [&](Connection& connection) {
    return RevisionsOn(connection, before, limit);
  });
}

Result<std::int64_t> ConfigReader::HistoryPlaceOf(Revision revision) const {
  return sqlite::ReadAndWait(
      store_.database(), [revision](Connection& connection) -> Result<std::int64_t> {
        TRY_ASSIGN(sqlite::Statement select,
                   connection.Prepare("SELECT coalesce(max(id), 0) FROM namespace_history "
                                      "WHERE revision <= ?1"));
        TRY(select.Int(1, revision).Step());
        return select.IntAt(0);
      });
}

Result<NamespaceChanges> ConfigReader::NamespaceChangesAfter(std::int64_t place,
                                                             std::size_t limit) const {
  return sqlite::ReadAndWait(store_.database(), [&](Connection& connection) {
    return ChangesOn(connection, place, limit);
  });
}

}  // namespace prism::namespaces

#include "security/audit_log.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "security/audit_filter.h"
#include "security/token_text.h"
#include "sqlite/plain_database.h"
#include "sqlite/row_hash.h"

namespace prism::security {

namespace {

using sqlite::Connection;
using sqlite::Statement;

// Times are milliseconds of Unix time. The triggers stop accidents; the hashes show the rest.
constexpr std::array<std::string_view, 1> kSteps = {R"sql(
CREATE TABLE audit_log(
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  principal TEXT NOT NULL,
  proof TEXT NOT NULL,
  token_id TEXT NOT NULL,
  peer TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  code TEXT NOT NULL,
  reason TEXT NOT NULL,
  before TEXT NOT NULL,
  after TEXT NOT NULL,
  request_id TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
CREATE INDEX audit_log_by_principal ON audit_log(principal, id);
CREATE INDEX audit_log_by_object ON audit_log(object, id);
CREATE TRIGGER audit_log_is_not_changed BEFORE UPDATE ON audit_log
BEGIN SELECT raise(ABORT, 'audit_log only grows'); END;
CREATE TRIGGER audit_log_is_not_shortened BEFORE DELETE ON audit_log
BEGIN SELECT raise(ABORT, 'audit_log only grows'); END;
)sql"};

constexpr std::string_view kColumns =
    "id, at, principal, proof, token_id, peer, action, object, code, reason, before, after, "
    "request_id, hash";

// The texts of an entry in the order of their columns, which are also their names in JSON.
struct Field {
  std::string_view name;
  std::string AuditEntry::* text;
};
constexpr std::array<Field, 11> kFields = {{{"principal", &AuditEntry::principal},
                                            {"proof", &AuditEntry::proof},
                                            {"token_id", &AuditEntry::token_id},
                                            {"peer", &AuditEntry::peer},
                                            {"action", &AuditEntry::action},
                                            {"object", &AuditEntry::object},
                                            {"code", &AuditEntry::code},
                                            {"reason", &AuditEntry::reason},
                                            {"before", &AuditEntry::before},
                                            {"after", &AuditEntry::after},
                                            {"request_id", &AuditEntry::request_id}}};
constexpr int kFirstText = 2;
constexpr int kHashColumn = kFirstText + static_cast<int>(kFields.size());

std::string HashOf(const AuditRecord& record, std::string_view previous) {
  sqlite::RowHash row;
  row.Text(previous).Int(record.id).Int(record.at);
  for (const Field& field : kFields) row.Text(record.entry.*field.text);
  return row.Hex();
}

AuditRecord ReadRecord(const Statement& row) {
  AuditRecord record;
  record.id = row.IntAt(0);
  record.at = row.IntAt(1);
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    record.entry.*kFields[i].text = row.TextAt(kFirstText + static_cast<int>(i));
  }
  record.hash = row.TextAt(kHashColumn);
  return record;
}

bool IsObject(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != text.npos && text[first] == '{' && nlohmann::json::accept(text);
}

// Without line ends: in JSON they are between tokens only.
Status Tidy(std::string_view name, std::string& text) {
  if (text.empty()) return {};
  if (text.size() > kMaxAuditTextBytes || !IsObject(text)) {
    return std::unexpected(
        InvalidField("AUDIT_TEXT_INVALID", std::string(name),
                     fmt::format("must be a JSON object of at most {} bytes", kMaxAuditTextBytes)));
  }
  std::ranges::replace(text, '\n', ' ');
  std::ranges::replace(text, '\r', ' ');
  return {};
}

std::string JsonText(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// The conditions that a query has, and their parameters from ?2 on.
class Conditions {
 public:
  explicit Conditions(const AuditQuery& query) : query_(query) {
    if (query.from != 0) sql_ += query.ascending ? " AND id > ?2" : " AND id < ?2";
    if (!query.principal.empty()) sql_ += " AND principal = ?3";
    // '0' follows '/': what is below the object.
    if (!query.object.empty()) {
      sql_ += " AND (object = ?4 OR (object >= ?4 || '/' AND object < ?4 || '0'))";
    }
    if (!query.action.empty()) sql_ += " AND action = ?5";
    if (query.not_before) sql_ += " AND at >= ?6";
    if (query.before) sql_ += " AND at < ?7";
    if (query.where) sql_ += " AND (" + query.where->text + ")";
  }

  const std::string& sql() const { return sql_; }
  void Bind(Statement& statement) const {
    if (query_.from != 0) statement.Int(2, query_.from);
    if (!query_.principal.empty()) statement.Text(3, query_.principal);
    if (!query_.object.empty()) statement.Text(4, query_.object);
    if (!query_.action.empty()) statement.Text(5, query_.action);
    if (query_.not_before) statement.Int(6, *query_.not_before);
    if (query_.before) statement.Int(7, *query_.before);
    if (query_.where) filter::BindParameters(*query_.where, kAuditFilterParameter, statement);
  }

 private:
  const AuditQuery& query_;
  std::string sql_;
};

// What is wrong with a row, if anything is.
std::optional<std::string> FaultOf(const AuditRecord& record, const AuditHead& before,
                                   const std::optional<AuditHead>& remembered) {
  if (record.id != before.id + 1) {
    return fmt::format("the row is missing: the next one is {}", record.id);
  }
  if (record.hash != HashOf(record, before.hash)) {
    return "the row, or one before it, is not as it was written: its hash does not fit";
  }
  if (remembered && record.id == remembered->id && record.hash != remembered->hash) {
    return "this is not the row that was remembered: the chain was written anew";
  }
  return std::nullopt;
}

}  // namespace

sqlite::SchemaPart AuditPart() { return {"audit_log", kSteps}; }

Result<AuditHead> ReadAuditHead(Connection& connection) {
  return ReadAuditHeadAt(connection, std::numeric_limits<std::int64_t>::max());
}

Result<AuditHead> ReadAuditHeadAt(Connection& connection, std::int64_t up_to) {
  TRY_ASSIGN(
      Statement select,
      connection.Prepare("SELECT id, hash FROM audit_log WHERE id <= ?1 ORDER BY id DESC LIMIT 1"));
  TRY_ASSIGN(const bool found, select.Int(1, up_to).Step());
  if (!found) return AuditHead();
  return AuditHead{select.IntAt(0), std::string(select.TextAt(1))};
}

Result<AuditHead> AppendAudit(Connection& connection, const AuditEntry& entry, WallMillis now) {
  TRY_ASSIGN(const AuditHead head, ReadAuditHead(connection));
  AuditRecord record{.id = head.id + 1, .at = now, .entry = entry, .hash = {}};
  TRY(Tidy("before", record.entry.before));
  TRY(Tidy("after", record.entry.after));
  for (const Field& field : kFields) {
    std::string& text = record.entry.*field.text;
    if (text.contains(kTokenPrefix)) text = RedactTokens(text);
  }
  record.hash = HashOf(record, head.hash);
  TRY_ASSIGN(Statement insert,
             connection.Prepare(fmt::format("INSERT INTO audit_log({}) VALUES(?1, ?2, ?3, ?4, ?5, "
                                            "?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
                                            kColumns)));
  insert.Int(1, record.id).Int(2, record.at).Text(kHashColumn + 1, record.hash);
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    insert.Text(kFirstText + 1 + static_cast<int>(i), record.entry.*kFields[i].text);
  }
  TRY(insert.Run());
  return AuditHead{record.id, std::move(record.hash)};
}

Result<AuditPage> ListAudit(Connection& connection, const AuditQuery& query) {
  if (query.limit == 0 || query.limit > AuditQuery::kMaxRows) {
    return std::unexpected(InvalidField("BAD_PAGE_SIZE", "page_size",
                                        fmt::format("must be from 1 to {}", AuditQuery::kMaxRows)));
  }
  const Conditions conditions(query);
  const std::string sql =
      fmt::format("SELECT {} FROM audit_log WHERE true{} ORDER BY id{} LIMIT ?1", kColumns,
                  conditions.sql(), query.ascending ? "" : " DESC");
  // There is no end of different filters.
  TRY_ASSIGN(Statement select, query.where ? connection.PrepareOnce(sql) : connection.Prepare(sql));
  conditions.Bind(select);
  select.Int(1, static_cast<std::int64_t>(query.limit) + 1);
  AuditPage page;
  for (;;) {
    TRY_ASSIGN(const bool more, select.Step());
    if (!more) return page;
    if (page.records.size() == query.limit) {
      page.next = page.records.back().id;
      return page;
    }
    page.records.push_back(ReadRecord(select));
  }
}

Result<AuditVerdict> VerifyAudit(Connection& connection,
                                 const std::optional<AuditHead>& remembered) {
  TRY_ASSIGN(Statement select,
             connection.Prepare(fmt::format("SELECT {} FROM audit_log ORDER BY id", kColumns)));
  AuditVerdict verdict;
  for (;;) {
    TRY_ASSIGN(const bool more, select.Step());
    if (!more) break;
    AuditRecord record = ReadRecord(select);
    if (auto fault = FaultOf(record, verdict.head, remembered)) {
      verdict.fault = {verdict.head.id + 1, *std::move(fault)};
      return verdict;
    }
    ++verdict.rows;
    verdict.head = {record.id, std::move(record.hash)};
  }
  if (remembered && remembered->id > verdict.head.id) {
    verdict.fault = {verdict.head.id + 1,
                     fmt::format("the row is missing: there were {} once", remembered->id)};
  }
  return verdict;
}

std::string AuditLine(const AuditRecord& record) {
  std::string line = fmt::format(R"({{"id":{},"at":{})", record.id, record.at);
  for (const Field& field : kFields) {
    const std::string& text = record.entry.*field.text;
    if (text.empty()) continue;
    // A row that somebody changed by hand may hold anything.
    const bool object = (field.name == "before" || field.name == "after") && IsObject(text) &&
                        !text.contains('\n') && !text.contains('\r');
    line += fmt::format(R"(,"{}":{})", field.name, object ? text : JsonText(text));
  }
  return line + fmt::format(R"(,"hash":{}}})", JsonText(record.hash));
}

Status ExportAudit(sqlite::Database& database, std::int64_t after_id,
                   const std::function<Status(std::string_view line)>& sink) {
  AuditQuery query{.from = after_id, .ascending = true, .limit = AuditQuery::kMaxRows};
  for (;;) {
    TRY_ASSIGN(const AuditPage page,
               sqlite::ReadAndWait(database, [&query](Connection& connection) {
                 return ListAudit(connection, query);
               }));
    for (const AuditRecord& record : page.records) TRY(sink(AuditLine(record)));
    if (page.next == 0) return {};
    query.from = page.next;
  }
}

}  // namespace prism::security

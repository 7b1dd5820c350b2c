#include "security/token_store.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include "base/utf8.h"
#include "security/principal.h"
#include "sqlite/plain_database.h"
#include "sqlite/row_hash.h"

namespace prism::security {

namespace {

using sqlite::Connection;
using sqlite::Statement;

// Times are milliseconds of Unix time. The uses are a table of their own, so that noting one
// touches no row that lets anybody in.
constexpr std::array<std::string_view, 1> kSteps = {R"sql(
CREATE TABLE api_tokens(
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  principal TEXT NOT NULL,
  scope TEXT NOT NULL,
  secret_sha256 TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  revoked_by TEXT NOT NULL DEFAULT '',
  checksum TEXT NOT NULL
) STRICT;
CREATE TABLE api_token_uses(
  token_id TEXT PRIMARY KEY,
  last_used_at INTEGER NOT NULL
) STRICT;
)sql"};

constexpr std::string_view kSelect =
    "SELECT id, name, principal, scope, secret_sha256, created_at, created_by, expires_at, "
    "revoked_at, revoked_by, checksum, last_used_at FROM api_tokens "
    "LEFT JOIN api_token_uses ON token_id = id ";

std::string ChecksumOf(const TokenInfo& info, std::string_view scope, std::string_view hash) {
  sqlite::RowHash row;
  row.Text(info.id).Text(info.name).Text(info.principal).Text(scope).Text(hash);
  row.Int(info.created_at).Text(info.created_by);
  for (const auto& time : {info.expires_at, info.revoked_at}) {
    time ? row.Int(*time) : row.Null();
  }
  return row.Text(info.revoked_by).Checksum();
}

std::optional<WallMillis> TimeAt(const Statement& row, int column) {
  if (row.IsNullAt(column)) return std::nullopt;
  return row.IntAt(column);
}

TokenTable::Row ReadRow(const Statement& row) {
  TokenTable::Row token;
  TokenInfo& info = token.info;
  info.id = row.TextAt(0);
  info.name = row.TextAt(1);
  info.principal = row.TextAt(2);
  info.created_at = row.IntAt(5);
  info.created_by = row.TextAt(6);
  info.expires_at = TimeAt(row, 7);
  info.revoked_at = TimeAt(row, 8);
  info.revoked_by = row.TextAt(9);
  info.last_used_at = TimeAt(row, 11);
  const auto scope = TokenScope::Parse(row.TextAt(3));
  const auto hash = HashFromHex(row.TextAt(4));
  info.damaged =
      !scope || !hash || ChecksumOf(info, row.TextAt(3), row.TextAt(4)) != row.TextAt(10);
  if (scope) info.scope = *scope;
  if (hash) token.hash = *hash;
  return token;
}

Result<std::vector<TokenTable::Row>> ReadAll(Connection& connection) {
  TRY_ASSIGN(Statement select,
             connection.Prepare(std::string(kSelect) + "ORDER BY created_at DESC, id"));
  std::vector<TokenTable::Row> rows;
  for (;;) {
    TRY_ASSIGN(const bool more, select.Step());
    if (!more) return rows;
    rows.push_back(ReadRow(select));
  }
}

Status BindTime(Statement& statement, int parameter, const std::optional<WallMillis>& time) {
  time ? statement.Int(parameter, *time) : statement.Null(parameter);
  return {};
}

Status Write(Connection& connection, const TokenTable::Row& token) {
  TRY_ASSIGN(Statement insert,
             connection.Prepare("INSERT INTO api_tokens(id, name, principal, scope, secret_sha256, "
                                "created_at, created_by, expires_at, checksum) "
                                "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"));
  const TokenInfo& info = token.info;
  const std::string scope = info.scope.ToString();
  const std::string hash = HexOf(token.hash);
  const std::string checksum = ChecksumOf(info, scope, hash);
  insert.Text(1, info.id).Text(2, info.name).Text(3, info.principal).Text(4, scope).Text(5, hash);
  insert.Int(6, info.created_at).Text(7, info.created_by).Text(9, checksum);
  TRY(BindTime(insert, 8, info.expires_at));
  return insert.Run();
}

Status WriteEnd(Connection& connection, const TokenTable::Row& token) {
  TRY_ASSIGN(Statement update,
             connection.Prepare("UPDATE api_tokens SET revoked_at = ?2, revoked_by = ?3, "
                                "checksum = ?4 WHERE id = ?1"));
  const TokenInfo& info = token.info;
  const std::string checksum = ChecksumOf(info, info.scope.ToString(), HexOf(token.hash));
  return update.Text(1, info.id)
      .Int(2, *info.revoked_at)
      .Text(3, info.revoked_by)
      .Text(4, checksum)
      .Run();
}

// What ended long ago makes room; then there must be some.
Status MakeRoom(Connection& connection, WallMillis now) {
  TRY_ASSIGN(Statement ended,
             connection.Prepare("DELETE FROM api_tokens WHERE revoked_at < ?1 OR expires_at < ?1"));
  TRY(ended.Int(1, now - TokenStore::kKeepEnded).Run());
  TRY(connection.Execute(
      "DELETE FROM api_token_uses WHERE token_id NOT IN (SELECT id FROM api_tokens)"));
  TRY_ASSIGN(const std::int64_t count, connection.QueryInt("SELECT count(*) FROM api_tokens"));
  if (count < static_cast<std::int64_t>(TokenStore::kMaxTokens)) return {};
  return std::unexpected(
      Error(Code::kResourceExhausted, "TOO_MANY_TOKENS",
            fmt::format("there are {} tokens already: give each client one and let short-lived "
                        "ones expire; what has ended is forgotten after 90 days",
                        count)));
}

bool IsLabel(std::string_view text, std::size_t limit) {
  return !text.empty() && text.size() <= limit && base::IsValidUtf8(text) &&
         std::ranges::none_of(text, [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

// Whoever mixes up the arguments must not have the secret of another token stored.
bool HoldsToken(const std::string& text) { return RedactTokens(text) != text; }

Status Check(const NewToken& token, WallMillis now) {
  if (HoldsToken(token.name) || HoldsToken(token.principal)) {
    const bool name = HoldsToken(token.name);
    return std::unexpected(InvalidField(
        name ? "BAD_TOKEN_NAME" : "BAD_PRINCIPAL", name ? "name" : "principal",
        "is the text of a token, which is a secret: give a name, and revoke that token if others "
        "may have seen this"));
  }
  if (!IsLabel(token.name, TokenStore::kMaxNameLength)) {
    return std::unexpected(
        InvalidField("BAD_TOKEN_NAME", "name",
                     fmt::format("must be 1 to {} bytes of text that say what the token is for",
                                 TokenStore::kMaxNameLength)));
  }
  if (!IsPrincipalName(token.principal)) {
    return std::unexpected(InvalidField(
        "BAD_PRINCIPAL", "principal",
        fmt::format("must be 1 to {} letters, digits and . _ @ / + -, beginning with a letter or "
                    "digit, and not \"{}\"",
                    kMaxNameLength, kAnonymous)));
  }
  if (token.scope == TokenScope()) {
    return std::unexpected(InvalidField("BAD_SCOPE", "scope", "is empty: say what the token may"));
  }
  if (token.expires_at && *token.expires_at <= now) {
    return std::unexpected(InvalidField("EXPIRY_PASSED", "expires_at", "is in the past"));
  }
  return {};
}

}  // namespace

std::string TokenJson(const TokenInfo& token) {
  nlohmann::ordered_json json = {{"id", token.id},
                                 {"name", token.name},
                                 {"principal", token.principal},
                                 {"scope", token.scope.ToString()},
                                 {"created_at", token.created_at},
                                 {"created_by", token.created_by}};
  const auto add = [&json](const char* key, const std::optional<WallMillis>& time) {
    if (time) json[key] = *time;
  };
  add("expires_at", token.expires_at);
  add("revoked_at", token.revoked_at);
  if (!token.revoked_by.empty()) json["revoked_by"] = token.revoked_by;
  add("last_used_at", token.last_used_at);
  if (token.damaged) json["damaged"] = true;
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

TokenStore::TokenStore(sqlite::Database& database, Clock& clock, Publish publish)
    : database_(database), clock_(clock), publish_(std::move(publish)) {}

sqlite::SchemaPart TokenStore::Part() { return {"api_tokens", kSteps}; }

Status TokenStore::Start() { return Reload(); }

// As a write, since those come one after the other: no older table follows a newer one. It may show
// a change that is in the same transaction and fails yet; whoever makes that one reloads too.
Status TokenStore::Reload() {
  return sqlite::WriteAndWait(database_, [this](Connection& connection) -> Status {
    TRY_ASSIGN(auto rows, ReadAll(connection));
    publish_(std::make_shared<const TokenTable>(std::move(rows)));
    return {};
  });
}

template <class T>
Result<T> TokenStore::InForce(Result<T> changed) {
  const Status reloaded = Reload();
  if (!changed || reloaded) return changed;
  return std::unexpected(Error(
      Code::kUnavailable, "TOKENS_NOT_RELOADED",
      fmt::format("the change is stored, but the server goes on with the tokens it had: try again, "
                  "or restart it ({})",
                  reloaded.error().message())));
}

Result<TokenStore::Created> TokenStore::Create(const NewToken& token, std::string_view by,
                                               const Also& also) {
  return InForce(sqlite::WriteAndWait(
      database_, [&](Connection& connection) { return Insert(connection, token, by, also); }));
}

Result<TokenStore::Created> TokenStore::Insert(Connection& connection, const NewToken& token,
                                               std::string_view by, const Also& also) {
  const WallMillis now = clock_.Now();
  TRY(Check(token, now));
  TRY(MakeRoom(connection, now));
  TRY_ASSIGN(std::string text, NewTokenText());
  const auto parts = ParseToken(text);
  TokenTable::Row row{.info = {.id = std::string(parts->id),
                               .name = token.name,
                               .principal = token.principal,
                               .scope = token.scope,
                               .created_at = now,
                               .created_by = std::string(by),
                               .expires_at = token.expires_at},
                      .hash = HashSecret(parts->secret)};
  TRY(Write(connection, row));
  if (also) TRY(also(connection, row.info));
  return Created{std::move(row.info), std::move(text)};
}

Result<std::vector<TokenInfo>> TokenStore::List() {
  TRY_ASSIGN(auto rows, sqlite::ReadAndWait(database_, ReadAll));
  std::vector<TokenInfo> tokens;
  tokens.reserve(rows.size());
  for (TokenTable::Row& row : rows) tokens.push_back(std::move(row.info));
  return tokens;
}

Result<TokenInfo> TokenStore::Revoke(std::string_view id, std::string_view by, const Also& also) {
  return InForce(sqlite::WriteAndWait(
      database_, [&](Connection& connection) { return End(connection, id, by, also); }));
}

Result<TokenInfo> TokenStore::End(Connection& connection, std::string_view id, std::string_view by,
                                  const Also& also) {
  TokenTable::Row row;
  {
    TRY_ASSIGN(Statement select, connection.Prepare(std::string(kSelect) + "WHERE id = ?1"));
    TRY_ASSIGN(const bool found, select.Text(1, id).Step());
    if (!found) {
      return std::unexpected(Error(Code::kNotFound, "TOKEN_NOT_FOUND",
                                   "there is no token with this id: `prism token list` shows the "
                                   "ids of all"));
    }
    row = ReadRow(select);
  }
  if (row.info.damaged) {
    return std::unexpected(
        Error(Code::kDataLoss, "TOKEN_DAMAGED",
              "the stored token is not as it was written, so it is refused wherever it is shown: "
              "there is nothing to revoke"));
  }
  if (row.info.revoked_at) return std::move(row.info);
  row.info.revoked_at = clock_.Now();
  row.info.revoked_by = by;
  TRY(WriteEnd(connection, row));
  if (also) TRY(also(connection, row.info));
  return std::move(row.info);
}

Result<TokenStore::Ended> TokenStore::ReadEnded(Connection& connection) {
  Ended ended;
  TRY_ASSIGN(const std::int64_t tables,
             connection.QueryInt("SELECT count(*) FROM sqlite_schema WHERE name = 'api_tokens'"));
  if (tables == 0) return ended;
  TRY_ASSIGN(auto rows, ReadAll(connection));
  for (TokenTable::Row& row : rows) {
    if (row.info.damaged) {
      ++ended.damaged;
    } else if (row.info.revoked_at) {
      ended.revoked.push_back(std::move(row.info));
    }
  }
  return ended;
}

Result<std::vector<TokenInfo>> TokenStore::CarryOver(Connection& connection, const Ended& ended,
                                                     const Also& also) {
  std::vector<TokenInfo> changed;
  TRY_ASSIGN(auto rows, ReadAll(connection));
  for (TokenTable::Row& row : rows) {
    if (row.info.damaged || row.info.revoked_at) continue;
    const auto end = std::ranges::find(ended.revoked, row.info.id, &TokenInfo::id);
    if (end == ended.revoked.end()) continue;
    row.info.revoked_at = end->revoked_at;
    row.info.revoked_by = end->revoked_by;
    TRY(WriteEnd(connection, row));
    if (also) TRY(also(connection, row.info));
    changed.push_back(std::move(row.info));
  }
  return changed;
}

Result<TokenStore::Created> TokenStore::Recover(std::string_view by, const Also& also) {
  TRY_ASSIGN(TokenScope admin, TokenScope::Parse("admin"));
  return Create({.name = "recovered", .principal = "admin", .scope = std::move(admin)}, by, also);
}

Status TokenStore::SaveUses(const TokenTable& table) {
  const auto uses = table.NewUses();
  if (uses.empty()) return {};
  return sqlite::WriteAndWait(database_, [&uses](Connection& connection) -> Status {
    TRY_ASSIGN(Statement upsert,
               connection.Prepare("INSERT INTO api_token_uses(token_id, last_used_at) "
                                  "SELECT id, ?2 FROM api_tokens WHERE id = ?1 "
                                  "ON CONFLICT(token_id) DO UPDATE SET last_used_at = "
                                  "max(last_used_at, excluded.last_used_at)"));
    for (const TokenTable::Use& use : uses) {
      TRY(upsert.Text(1, use.id).Int(2, use.at).Run());
    }
    return {};
  });
}

}  // namespace prism::security

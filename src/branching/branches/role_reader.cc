#include "branching/branches/role_reader.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <string_view>

namespace prism::branching {
namespace {

struct Closer {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, Closer>;
using Rows = std::unique_ptr<PGresult, Closer>;

// Roles that can't log in are there too: whether one exists must not be seen.
constexpr const char* kQuery =
    "SELECT rolname, rolpassword, rolcanlogin, "
    "CASE WHEN rolvaliduntil = '-infinity' THEN 0 "
    "WHEN isfinite(rolvaliduntil) THEN floor(extract(epoch FROM rolvaliduntil))::bigint END "
    "FROM pg_catalog.pg_authid";

// The one that every cluster has first, then those of users.
constexpr const char* kDatabases =
    "SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate "
    "ORDER BY datname != 'postgres', oid";

// libpq has its own time limits: the server is ours and on this machine.
Connection Connect(const std::string& socket_path, const std::string& superuser,
                   const std::string& database = "template1") {
  const std::size_t slash = socket_path.rfind('/');
  const std::string directory = socket_path.substr(0, slash);
  const std::string port = socket_path.substr(socket_path.rfind('.') + 1);
  const std::array<const char*, 8> names = {
      "host", "port", "user", "dbname", "options", "connect_timeout", "client_encoding", nullptr};
  const std::array<const char*, 8> values = {directory.c_str(),
                                             port.c_str(),
                                             superuser.c_str(),
                                             database.c_str(),
                                             "-c statement_timeout=10s",
                                             "10",
                                             "UTF8",
                                             nullptr};
  return Connection(PQconnectdbParams(names.data(), values.data(), 0));
}

std::optional<std::string> TextAt(const Rows& rows, int row, int column) {
  if (PQgetisnull(rows.get(), row, column) != 0) return std::nullopt;
  return PQgetvalue(rows.get(), row, column);
}

std::optional<std::int64_t> NumberAt(const Rows& rows, int row, int column) {
  const std::optional<std::string> text = TextAt(rows, row, column);
  if (!text) return std::nullopt;
  std::int64_t number = 0;
  std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

Result<Rows> Ask(const Connection& connection, const std::string& superuser, const char* query) {
  Rows rows(PQexec(connection.get(), query));
  if (PQresultStatus(rows.get()) == PGRES_TUPLES_OK) return rows;
  return std::unexpected(
      Error(Code::kFailedPrecondition, "ROLES_UNREADABLE",
            fmt::format("the roles of the source can't be read as \"{}\": {}; name its superuser "
                        "(branching.superuser)",
                        superuser, PQerrorMessage(connection.get()))));
}

}  // namespace

Result<std::vector<StoredRole>> ReadStoredRoles(const std::string& socket_path,
                                                const std::string& superuser) {
  const Connection connection = Connect(socket_path, superuser);
  TRY_ASSIGN(const Rows rows, Ask(connection, superuser, kQuery));
  std::vector<StoredRole> roles;
  for (int row = 0; row < PQntuples(rows.get()); ++row) {
    roles.push_back({.name = *TextAt(rows, row, 0),
                     .password = TextAt(rows, row, 1),
                     .may_login = TextAt(rows, row, 2) == "t",
                     .valid_until = NumberAt(rows, row, 3)});
  }
  return roles;
}

Status WarmDatabases(const std::string& socket_path, const std::string& superuser) {
  const Connection connection = Connect(socket_path, superuser);
  TRY_ASSIGN(const Rows names, Ask(connection, superuser, kDatabases));
  for (int row = 0; row < std::min(PQntuples(names.get()), kWarmDatabases); ++row) {
    const Connection visit = Connect(socket_path, superuser, *TextAt(names, row, 0));
    TRY(Ask(visit, superuser, "SELECT 1"));
  }
  return {};
}

}  // namespace prism::branching

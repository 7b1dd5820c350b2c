#include "branching/branches/role_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "branching/branches/server_connection.h"

namespace prism::branching {
namespace {

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

std::optional<std::int64_t> NumberAt(const ServerRows& rows, int row, int column) {
  const std::optional<std::string> text = TextAt(rows, row, column);
  if (!text) return std::nullopt;
  std::int64_t number = 0;
  std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

Result<ServerRows> Ask(const ServerConnection& connection, const std::string& superuser,
                       const char* query) {
  if (ServerRows rows = AskServer(connection, query)) return rows;
  return std::unexpected(
      Error(Code::kFailedPrecondition, "ROLES_UNREADABLE",
            fmt::format("the roles of the source can't be read as \"{}\": {}; name its superuser "
                        "(branching.superuser)",
                        superuser, PQerrorMessage(connection.get()))));
}

}  // namespace

Result<std::vector<StoredRole>> ReadStoredRoles(const std::string& socket_path,
                                                const std::string& superuser) {
  const ServerConnection connection = ConnectToServer(socket_path, superuser);
  TRY_ASSIGN(const ServerRows rows, Ask(connection, superuser, kQuery));
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
  const ServerConnection connection = ConnectToServer(socket_path, superuser);
  TRY_ASSIGN(const ServerRows names, Ask(connection, superuser, kDatabases));
  for (int row = 0; row < std::min(PQntuples(names.get()), kWarmDatabases); ++row) {
    const ServerConnection visit = ConnectToServer(socket_path, superuser, *TextAt(names, row, 0));
    TRY(Ask(visit, superuser, "SELECT 1"));
  }
  return {};
}

}  // namespace prism::branching

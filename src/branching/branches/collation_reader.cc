#include "branching/branches/collation_reader.h"

#include <fmt/format.h>

#include "branching/branches/server_connection.h"

namespace prism::branching {
namespace {

constexpr int kFirstVersion = 150000;  // that records them

// As PostgreSQL itself warns when somebody connects.
constexpr const char* kQuery =
    "SELECT datname, datcollversion, pg_catalog.pg_database_collation_actual_version(oid) "
    "FROM pg_catalog.pg_database WHERE datallowconn AND datcollversion IS NOT NULL "
    "AND datcollversion IS DISTINCT FROM pg_catalog.pg_database_collation_actual_version(oid) "
    "ORDER BY datname";

}  // namespace

Result<std::vector<CollationChange>> ReadCollationChanges(const std::string& socket_path,
                                                          const std::string& superuser) {
  const ServerConnection connection = ConnectToServer(socket_path, superuser);
  std::vector<CollationChange> changes;
  const int version = PQserverVersion(connection.get());  // 0: there is no connection
  if (version > 0 && version < kFirstVersion) return changes;
  const ServerRows rows = AskServer(connection, kQuery);
  if (!rows) {
    return std::unexpected(Error(Code::kUnavailable, "COLLATIONS_UNREADABLE",
                                 fmt::format("the collations of the source can't be read: {}",
                                             PQerrorMessage(connection.get()))));
  }
  for (int row = 0; row < PQntuples(rows.get()); ++row) {
    changes.push_back({.database = *TextAt(rows, row, 0),
                       .recorded = *TextAt(rows, row, 1),
                       .actual = TextAt(rows, row, 2).value_or("")});
  }
  return changes;
}

}  // namespace prism::branching

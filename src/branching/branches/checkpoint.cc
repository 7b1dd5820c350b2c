#include "branching/branches/checkpoint.h"

#include <fmt/format.h>

#include "branching/branches/server_connection.h"

namespace prism::branching {
namespace {

Error Failed(const ServerConnection& connection) {
  return {Code::kUnavailable, "CHECKPOINT_FAILED",
          fmt::format("no checkpoint before a copy: {}", PQerrorMessage(connection.get()))};
}

Result<ServerRows> Ask(const ServerConnection& connection, const std::string& query) {
  ServerRows rows(PQexec(connection.get(), query.c_str()));
  const ExecStatusType status = PQresultStatus(rows.get());
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return rows;
  return std::unexpected(Failed(connection));
}

}  // namespace

Status CheckpointWhenFar(const std::string& socket_path, const std::string& superuser) {
  const ServerConnection connection = ConnectToServer(socket_path, superuser);
  TRY_ASSIGN(const ServerRows rows,
             Ask(connection, fmt::format("SELECT pg_catalog.pg_wal_lsn_diff("
                                         "pg_catalog.pg_current_wal_insert_lsn(), redo_lsn) > {} "
                                         "FROM pg_catalog.pg_control_checkpoint()",
                                         kReplayBytes)));
  if (TextAt(rows, 0, 0) != "t") return {};
  TRY(Ask(connection, "CHECKPOINT"));
  return {};
}

}  // namespace prism::branching

#include "branching/branches/checkpoint.h"

#include <fmt/format.h>

#include "branching/branches/server_connection.h"

namespace prism::branching {
namespace {

std::unexpected<Error> Failed(const ServerConnection& connection) {
  return std::unexpected(
      Error(Code::kUnavailable, "CHECKPOINT_FAILED",
            fmt::format("no checkpoint before a copy: {}", PQerrorMessage(connection.get()))));
}

}  // namespace

Status CheckpointWhenFar(const std::string& socket_path, const std::string& superuser) {
  const ServerConnection connection = ConnectToServer(socket_path, superuser);
  const ServerRows far =
      AskServer(connection, fmt::format("SELECT pg_catalog.pg_wal_lsn_diff("
                                        "pg_catalog.pg_current_wal_insert_lsn(), redo_lsn) > {} "
                                        "FROM pg_catalog.pg_control_checkpoint()",
                                        kReplayBytes));
  if (!far) return Failed(connection);
  if (TextAt(far, 0, 0) != "t" || AskServer(connection, "CHECKPOINT")) return {};
  return Failed(connection);
}

}  // namespace prism::branching

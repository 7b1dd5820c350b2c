#include "branching/branches/server_connection.h"

#include <array>
#include <cstddef>

namespace prism::branching {

// libpq has its own time limits: the server is ours and on this machine.
ServerConnection ConnectToServer(const std::string& socket_path, const std::string& user,
                                 const std::string& database) {
  const std::size_t slash = socket_path.rfind('/');
  const std::string directory = socket_path.substr(0, slash);
  const std::string port = socket_path.substr(socket_path.rfind('.') + 1);
  const std::array<const char*, 8> names = {
      "host", "port", "user", "dbname", "options", "connect_timeout", "client_encoding", nullptr};
  const std::array<const char*, 8> values = {
      directory.c_str(),          port.c_str(), user.c_str(), database.c_str(),
      "-c statement_timeout=10s", "10",         "UTF8",       nullptr};
  return ServerConnection(PQconnectdbParams(names.data(), values.data(), 0));
}

ServerRows AskServer(const ServerConnection& connection, const std::string& statement) {
  ServerRows rows(PQexec(connection.get(), statement.c_str()));
  const ExecStatusType status = PQresultStatus(rows.get());
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return rows;
  return nullptr;
}

std::optional<std::string> TextAt(const ServerRows& rows, int row, int column) {
  if (PQgetisnull(rows.get(), row, column) != 0) return std::nullopt;
  return PQgetvalue(rows.get(), row, column);
}

}  // namespace prism::branching

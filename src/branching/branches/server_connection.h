// A connection of our own to a server of ours, through its private socket.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <string>

namespace prism::branching {

struct ServerConnectionCloser {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using ServerConnection = std::unique_ptr<PGconn, ServerConnectionCloser>;
using ServerRows = std::unique_ptr<PGresult, ServerConnectionCloser>;

// libpq says in it what went wrong. Statements take at most 10 s. Blocks, as all that is asked.
ServerConnection ConnectToServer(const std::string& socket_path, const std::string& user,
                                 const std::string& database = "template1");

// What a statement answers. nullptr: it was refused, or the connection is none; PQerrorMessage of
// the connection says why.
ServerRows AskServer(const ServerConnection& connection, const std::string& statement);

// Nothing: NULL.
std::optional<std::string> TextAt(const ServerRows& rows, int row, int column);

}  // namespace prism::branching

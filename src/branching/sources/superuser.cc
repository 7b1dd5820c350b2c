#include "branching/sources/superuser.h"

#include <fmt/format.h>

#include <memory>

#include "branching/branches/server_connection.h"

namespace prism::branching {

namespace {

struct Free {
  void operator()(char* text) const { PQfreemem(text); }
};
using Text = std::unique_ptr<char, Free>;

std::unexpected<Error> Refused(const ServerConnection& connection, const std::string& role) {
  return std::unexpected(Error(Code::kFailedPrecondition, "SUPERUSER_NOT_MADE",
                               fmt::format("the role \"{}\" can't be made a superuser: {}", role,
                                           PQerrorMessage(connection.get()))));
}

Error Missing(const std::string& role) {
  return {Code::kFailedPrecondition, "SUPERUSER_MISSING",
          fmt::format("there is no superuser \"{}\": name one (branching.superuser), or have it "
                      "made by giving it a password (branching.source.password)",
                      role)};
}

Status Execute(const ServerConnection& connection, const std::string& role,
               const std::string& statement) {
  if (AskServer(connection, statement)) return {};
  return Refused(connection, role);
}

// What the query says of the role: `t` or something else.
Result<bool> Ask(const ServerConnection& connection, const std::string& role, const char* query) {
  const char* name = role.c_str();
  const ServerRows found(
      PQexecParams(connection.get(), query, 1, nullptr, &name, nullptr, nullptr, 0));
  if (PQresultStatus(found.get()) != PGRES_TUPLES_OK) return Refused(connection, role);
  return PQntuples(found.get()) == 1 && TextAt(found, 0, 0) == "t";
}

}  // namespace

Status EnsureSuperuser(const std::string& socket_path, const std::string& as,
                       const std::string& role, const std::string& password) {
  const ServerConnection connection = ConnectToServer(socket_path, as);
  TRY_ASSIGN(const bool there,
             Ask(connection, role, "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = $1"));
  if (password.empty()) return there ? Status() : std::unexpected(Missing(role));
  const Text name(PQescapeIdentifier(connection.get(), role.data(), role.size()));
  // Hashed here, so that the password itself is in no statement.
  const Text verifier(
      PQencryptPasswordConn(connection.get(), password.c_str(), role.c_str(), "scram-sha-256"));
  if (!name || !verifier) return Refused(connection, role);
  if (!there) {
    TRY(Execute(connection, role,
                fmt::format("CREATE ROLE {} SUPERUSER CREATEDB CREATEROLE REPLICATION BYPASSRLS "
                            "LOGIN",
                            name.get())));
  }
  return Execute(connection, role,
                 fmt::format("ALTER ROLE {} PASSWORD '{}'", name.get(), verifier.get()));
}

Result<bool> HasPassword(const std::string& socket_path, const std::string& role) {
  const ServerConnection connection = ConnectToServer(socket_path, role);
  return Ask(connection, role,
             "SELECT rolpassword IS NOT NULL FROM pg_catalog.pg_authid WHERE rolname = $1");
}

}  // namespace prism::branching

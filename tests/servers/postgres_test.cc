// The fixture itself: what it promises to the tests that use it.
#include "tests/servers/postgres.h"

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>

namespace prism::testing {
namespace {

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;

Connection Connect(const std::string& conninfo) {
  return {PQconnectdb(conninfo.c_str()), &PQfinish};
}

std::string Ask(PGconn* connection, const char* sql) {
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection, sql), &PQclear);
  return PQntuples(result.get()) == 1 ? PQgetvalue(result.get(), 0, 0) : PQerrorMessage(connection);
}

TEST(PostgresServerTest, LivesFromItsObjectToItsEnd) {
  std::optional<PostgresServer> server(std::in_place);
  const std::string directory = server->socket_directory();
  EXPECT_TRUE(std::filesystem::exists(server->socket_path()));
  const Connection right = Connect(server->conninfo());
  ASSERT_EQ(PQstatus(right.get()), CONNECTION_OK) << PQerrorMessage(right.get());
  EXPECT_EQ(PQserverVersion(right.get()) / 10000, 15);
  const Connection wrong = Connect(server->conninfo() + " password=wrong");
  EXPECT_EQ(PQstatus(wrong.get()), CONNECTION_BAD);

  EXPECT_EQ(Ask(right.get(), "CREATE TABLE kept AS SELECT 7 AS n"), "");
  server->Stop();
  EXPECT_EQ(PQstatus(Connect(server->conninfo()).get()), CONNECTION_BAD);
  server->Start();
  EXPECT_EQ(Ask(Connect(server->conninfo()).get(), "SELECT n FROM kept"), "7");

  server.reset();
  EXPECT_FALSE(std::filesystem::exists(directory));
}

TEST(PostgresServerTest, TakesOptions) {
  PostgresServer::Options options;
  options.authentication = "trust";
  options.settings = {"work_mem=3MB"};
  const PostgresServer server(options);
  const Connection anyone = Connect(server.conninfo() + " password=wrong");
  EXPECT_EQ(Ask(anyone.get(), "SHOW work_mem"), "3MB");
}

}  // namespace
}  // namespace prism::testing

// Prism's side of SCRAM logs in to a real PostgreSQL, and understands what that stores.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "rpc/testing/certificates.h"
#include "tests/logins/login_client.h"
#include "tests/logins/login_server.h"
#include "tests/logins/passwords.h"
#include "tests/servers/postgres.h"

namespace prism::testing {
namespace {

using branching::ScramKeys;
using branching::ScramPassword;
using branching::ScramVerifier;

class PostgresLoginTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    rpc::testing::Certificates files;
    files.Make("server", "IP:127.0.0.1");
    PostgresServer::Options options;
    options.certificate = files.File("server.pem");
    options.key = files.File("server.key");
    server = std::make_unique<PostgresServer>(options);
  }
  static void TearDownTestSuite() { server.reset(); }

  // As the superuser.
  static std::string Ask(const std::string& sql) {
    LoginClient client(server->socket_path());
    const Status in = client.Login("postgres", ScramPassword{PostgresServer::kPassword}, "");
    return in ? client.Ask(sql) : in.error().ToString();
  }
  static std::string Stored(const std::string& role) {
    return Ask("SELECT rolpassword FROM pg_authid WHERE rolname = '" + role + "'");
  }
  // Who one is then; the reason when one is not let in.
  static std::string LogIn(const std::string& user, branching::ScramClient::Secret secret) {
    LoginClient client(server->socket_path());
    const Status in = client.Login(user, std::move(secret), "");
    return in ? client.Ask("SELECT current_user") : std::string(in.error().reason());
  }

  inline static std::unique_ptr<PostgresServer> server;
};

TEST_F(PostgresLoginTest, WithAPassword) {
  EXPECT_EQ(LogIn("postgres", ScramPassword{PostgresServer::kPassword}), "postgres");
  EXPECT_EQ(LogIn("postgres", ScramPassword{"wrong"}), "28P01");
  EXPECT_EQ(LogIn("nobody_there", ScramPassword{"wrong"}), "28P01");
}

TEST_F(PostgresLoginTest, WithWhatALoginElsewhereLeft) {
  ASSERT_EQ(Ask("CREATE ROLE ann LOGIN PASSWORD 'pass of ann'"), "");
  const auto verifier = ScramVerifier::Parse(Stored("ann"));
  ASSERT_TRUE(verifier.has_value());
  LoginServer front({.login = {.verifier = *verifier, .genuine = true},
                     .certificate = "",
                     .key = "",
                     .end_point = std::nullopt});
  PGconn* libpq =
      PQconnectdb((front.conninfo() + "sslmode=disable user=ann password='pass of ann'").c_str());
  EXPECT_EQ(PQstatus(libpq), CONNECTION_OK) << PQerrorMessage(libpq);
  PQfinish(libpq);
  EXPECT_EQ(LogIn("ann", front.Finish().keys), "ann");
  EXPECT_EQ(LogIn("ann", ScramKeys{}), "28P01");
  Ask("ALTER ROLE ann PASSWORD 'another'");
  EXPECT_EQ(LogIn("ann", front.Finish().keys), "28P01");
}

TEST_F(PostgresLoginTest, BoundToItsCertificate) {
  LoginClient bound(server->port());
  ASSERT_EQ(bound.EndPoint().size(), 32u);
  const ScramPassword password{PostgresServer::kPassword};
  EXPECT_TRUE(bound.Login("postgres", password, bound.EndPoint()).has_value());
  EXPECT_EQ(bound.mechanism(), "SCRAM-SHA-256-PLUS");
  EXPECT_EQ(bound.Ask("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), "t");

  LoginClient other(server->port());
  const Status refused = other.Login("postgres", password, std::string(32, 'x'));
  EXPECT_EQ(refused.error().reason(), "28000");

  LoginClient unbound(server->port());
  EXPECT_TRUE(unbound.Login("postgres", password, "").has_value());
  EXPECT_EQ(unbound.mechanism(), "SCRAM-SHA-256");
}

TEST_F(PostgresLoginTest, UnderstandsWhatIsStored) {
  const std::string text = Stored("postgres");
  const auto verifier = ScramVerifier::Parse(text);
  ASSERT_TRUE(verifier.has_value()) << text;
  EXPECT_EQ(verifier->ToString(), text);
  EXPECT_EQ(verifier->iterations, branching::kDefaultIterations);
  EXPECT_EQ(verifier->salt.size(), branching::kDefaultSaltLength);

  Ask("CREATE ROLE old LOGIN; SET password_encryption = 'md5'; ALTER ROLE old PASSWORD 'x'");
  const auto md5 = branching::ParseStoredPassword(Stored("old"));
  ASSERT_TRUE(md5.has_value());
  EXPECT_TRUE(std::holds_alternative<branching::Md5Password>(*md5));
}

TEST_F(PostgresLoginTest, StoresWhatWeMake) {
  const auto verifier = *ScramVerifier::FromPassword("made here", 5000);
  Ask("CREATE ROLE made LOGIN PASSWORD '" + verifier.ToString() + "'");
  EXPECT_EQ(Stored("made"), verifier.ToString());
  EXPECT_EQ(LogIn("made", ScramPassword{"made here"}), "made");
}

TEST_F(PostgresLoginTest, PreparesPasswordsAsPostgresDoes) {
  Ask("CREATE ROLE strange LOGIN");
  // The server would refuse a query that is not UTF-8, and knows such passwords by their bytes.
  Ask("CREATE DATABASE bytes ENCODING SQL_ASCII TEMPLATE template0");
  for (const std::string& password : StrangePasswords()) {
    std::string hex;
    for (const char c : password) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
    const std::string conninfo = server->conninfo() + " dbname=bytes client_encoding=SQL_ASCII";
    const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(conninfo.c_str()),
                                                                  &PQfinish);
    const std::unique_ptr<char, decltype(&PQfreemem)> literal(
        PQescapeLiteral(connection.get(), password.data(), password.size()), &PQfreemem);
    const std::string sql = std::string("ALTER ROLE strange PASSWORD ") + literal.get();
    const std::unique_ptr<PGresult, decltype(&PQclear)> done(PQexec(connection.get(), sql.c_str()),
                                                             &PQclear);
    ASSERT_EQ(PQresultStatus(done.get()), PGRES_COMMAND_OK) << PQerrorMessage(connection.get());
    EXPECT_EQ(LogIn("strange", ScramPassword{password}), "strange") << hex;
  }
}

}  // namespace
}  // namespace prism::testing

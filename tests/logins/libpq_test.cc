// libpq, as psql and most drivers have it, logs in at Prism's side of SCRAM.
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <memory>
#include <string>
#include <utility>

#include "rpc/testing/certificates.h"
#include "tests/logins/login_server.h"
#include "tests/logins/passwords.h"

namespace prism::testing {
namespace {

using branching::LoginVerifier;
using branching::MockVerifiers;
using branching::ScramVerifier;

class LibpqLoginTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    files = std::make_unique<rpc::testing::Certificates>();
    files->Make("server", "IP:127.0.0.1");
    files->Run(
        "openssl req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=x -keyout ed.key -out ed.pem");
  }
  static void TearDownTestSuite() { files.reset(); }

  static LoginVerifier Verifier(const std::string& password) {
    return {.verifier = *ScramVerifier::FromPassword(password), .genuine = true};
  }
  static LoginServer::Options WithTls(const std::string& name, const std::string& password) {
    return {.login = Verifier(password),
            .certificate = files->File(name + ".pem"),
            .key = files->File(name + ".key"),
            .end_point = std::nullopt};
  }
  static LoginServer::Options WithoutTls(LoginVerifier login) {
    return {.login = std::move(login), .certificate = "", .key = "", .end_point = std::nullopt};
  }

  // What libpq says; nothing when it is in.
  std::string Connect(LoginServer& server, const std::string& options,
                      const std::string& password = "secret") {
    const std::string conninfo = server.conninfo() + "user=ann dbname=x " + options;
    // libpq wants quotes and backslashes escaped in a value.
    std::string quoted;
    for (const char c : password) {
      if (c == '\'' || c == '\\') quoted.push_back('\\');
      quoted.push_back(c);
    }
    const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(
        PQconnectdb((conninfo + " password='" + quoted + "'").c_str()), &PQfinish);
    return PQstatus(connection.get()) == CONNECTION_OK ? "" : PQerrorMessage(connection.get());
  }

  inline static std::unique_ptr<rpc::testing::Certificates> files;
};

TEST_F(LibpqLoginTest, WithoutTls) {
  for (const std::string binding : {"disable", "prefer"}) {
    LoginServer server(WithoutTls(Verifier("secret")));
    EXPECT_EQ(Connect(server, "sslmode=disable channel_binding=" + binding), "");
    EXPECT_EQ(server.Finish().mechanism, "SCRAM-SHA-256");
  }
  LoginServer server(WithoutTls(Verifier("secret")));
  EXPECT_TRUE(Connect(server, "sslmode=disable channel_binding=require").contains("binding"));
}

TEST_F(LibpqLoginTest, WithTls) {
  const std::pair<std::string, std::string> rows[] = {{"disable", "SCRAM-SHA-256"},
                                                      {"prefer", "SCRAM-SHA-256-PLUS"},
                                                      {"require", "SCRAM-SHA-256-PLUS"}};
  for (const auto& [binding, mechanism] : rows) {
    LoginServer server(WithTls("server", "secret"));
    EXPECT_EQ(Connect(server, "sslmode=require channel_binding=" + binding), "");
    EXPECT_EQ(server.Finish().mechanism, mechanism);
  }
}

TEST_F(LibpqLoginTest, ACertificateThatNothingCanBeBoundTo) {
  {
    LoginServer server(WithTls("ed", "secret"));
    EXPECT_EQ(Connect(server, "sslmode=require channel_binding=prefer"), "");
    EXPECT_EQ(server.Finish().mechanism, "SCRAM-SHA-256");
  }
  LoginServer server(WithTls("ed", "secret"));
  EXPECT_TRUE(Connect(server, "sslmode=require channel_binding=require").contains("binding"));
}

TEST_F(LibpqLoginTest, SomebodyInBetweenIsNoticed) {
  LoginServer::Options options = WithTls("server", "secret");
  options.end_point = "hash of the certificate of the real server";
  LoginServer server(options);
  EXPECT_TRUE(Connect(server, "sslmode=require").contains("somebody may be between"));
  EXPECT_EQ(server.Finish().reason, "SCRAM_CHANNEL_BINDING");
}

TEST_F(LibpqLoginTest, AnUnknownUserGetsTheAnswerOfAWrongPassword) {
  std::string said[2];
  for (const bool known : {false, true}) {
    LoginServer server(
        WithoutTls(known ? Verifier("other") : MockVerifiers("secret").Choose(nullptr, "ann")));
    const std::string text = Connect(server, "sslmode=disable");
    EXPECT_EQ(server.Finish().reason, "WRONG_PASSWORD");
    said[known] = text.substr(text.find("FATAL"));
    EXPECT_TRUE(text.contains("password authentication failed"));
  }
  EXPECT_EQ(said[0], said[1]);
}

TEST_F(LibpqLoginTest, PreparesPasswordsAsWeDo) {
  for (const std::string& password : StrangePasswords()) {
    LoginServer server(WithoutTls(Verifier(password)));
    EXPECT_EQ(Connect(server, "sslmode=disable", password), "") << password;
  }
}

}  // namespace
}  // namespace prism::testing

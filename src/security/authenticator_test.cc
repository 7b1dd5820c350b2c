#include "security/authenticator.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/testing/temp_directory.h"

namespace prism::security {
namespace {

constexpr WallMillis kNow = 1'800'000'000'000;

class AuthenticatorTest : public ::testing::Test {
 protected:
  AuthenticatorTest() {
    std::ofstream(passwd_) << "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/:/bin/sh\n"
                              "again:x:1000:1000::/:/bin/sh\n42:x:7:7::/:/bin/sh\nbroken line\n";
    std::vector<TokenTable::Row> rows(1);
    rows[0].info.id = ParseToken(text_)->id;
    rows[0].info.principal = "ci";
    rows[0].info.scope = *TokenScope::Parse("orders:read");
    rows[0].info.expires_at = kNow + 1000;
    rows[0].hash = HashSecret(ParseToken(text_)->secret);
    tokens_ = std::make_shared<const TokenTable>(std::move(rows));
  }

  Authenticator Make(bool required = true) const {
    return {{.required = required, .names = UserNames::Read(passwd_)}, tokens_};
  }
  std::string Reason(const Credentials& credentials, WallMillis now = kNow) const {
    const Authenticator authenticator = Make();
    const auto caller = authenticator.Authenticate(credentials, now);
    if (caller) return "OK";
    EXPECT_EQ(caller.error().code(), Code::kUnauthenticated);
    EXPECT_EQ(caller.error().ToString().find(ParseToken(text_)->secret), std::string::npos);
    EXPECT_EQ(caller.error().ToString().find("hunter2"), std::string::npos);
    return std::string(caller.error().reason());
  }

  base::testing::TempDirectory directory_;
  const std::string passwd_ = directory_.File("passwd");
  const std::string text_ = *NewTokenText();
  const std::string bearer_ = "Bearer " + text_;
  std::shared_ptr<const TokenTable> tokens_;
};

TEST_F(AuthenticatorTest, ATokenSaysWhoAndWhatItMay) {
  const Authenticator authenticator = Make();
  const auto caller =
      authenticator.Authenticate({.authorization = bearer_, .peer = "unix:0"}, kNow);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->principal, "ci");
  EXPECT_EQ(caller->proof, Proof::kToken);
  EXPECT_EQ(caller->token_id, ParseToken(text_)->id);
  ASSERT_NE(caller->scope, nullptr);
  EXPECT_EQ(caller->scope->LevelOn("orders"), Permission::kRead);
}

TEST_F(AuthenticatorTest, TheSchemeIsReadAsHttpWantsIt) {
  for (const std::string& header :
       {"bearer " + text_, "BEARER " + text_, "Bearer   " + text_, " Bearer " + text_ + " "}) {
    EXPECT_EQ(Reason({.authorization = header}), "OK") << header;
  }
  for (const std::string_view header :
       {"Basic aHVudGVyMg==", "hunter2", "Bearerhunter2", "Digest hunter2", "Bearer\thunter2"}) {
    EXPECT_EQ(Reason({.authorization = header}), "AUTH_SCHEME_UNSUPPORTED") << header;
  }
  for (const std::string_view header :
       {"Bearer", "Bearer ", "Bearer hunter2", "Bearer hunter2 hunter2", "Bearer hunter2,hunter2",
        "Bearer hunter2\x01", "Bearer \xc3\xa4hunter2", "Bearer eyJ.hunter2.x"}) {
    EXPECT_EQ(Reason({.authorization = header}), "TOKEN_MALFORMED") << header;
  }
}

TEST_F(AuthenticatorTest, AWrongTokenIsNotHealedByTheConnection) {
  EXPECT_EQ(Reason({.authorization = "Bearer " + *NewTokenText(), .peer = "unix:0"}),
            "TOKEN_UNKNOWN");
  EXPECT_EQ(Reason({.authorization = bearer_.substr(0, 40), .peer = "unix:0"}), "TOKEN_MALFORMED");
  EXPECT_EQ(Reason({.authorization = bearer_, .peer = "unix:0"}, kNow + 1000), "TOKEN_EXPIRED");
}

TEST_F(AuthenticatorTest, TwoHeadersAreOneTooMany) {
  EXPECT_EQ(Reason({.authorization = bearer_, .several = true}), "AUTHORIZATION_AMBIGUOUS");
  EXPECT_EQ(Reason({.several = true, .peer = "unix:0"}), "AUTHORIZATION_AMBIGUOUS");
}

TEST_F(AuthenticatorTest, PeersOfUnixSocketsHaveTheNamesOfTheSystem) {
  const Authenticator authenticator = Make();
  const auto who = [&](std::string_view peer) {
    const auto caller = authenticator.Authenticate({.peer = peer}, kNow);
    EXPECT_EQ(caller->proof, Proof::kUnixPeer);
    EXPECT_EQ(caller->scope, nullptr);
    return std::string(caller->principal);
  };
  EXPECT_EQ(who("unix:0"), "unix:root");
  EXPECT_EQ(who("unix:1000"), "unix:ann");
  EXPECT_EQ(who("unix:4711"), "unix:4711");
  // The account "42" is not taken for the number 42.
  EXPECT_EQ(who("unix:7"), "unix:7");
}

TEST_F(AuthenticatorTest, CertificatesSayWho) {
  const Authenticator authenticator = Make();
  for (const std::string_view peer : {"spiffe://prod/ns/orders", "x509:CN=ann,O=Example"}) {
    const auto caller = authenticator.Authenticate({.peer = peer}, kNow);
    ASSERT_TRUE(caller);
    EXPECT_EQ(caller->principal, peer);
    EXPECT_EQ(caller->proof, Proof::kCertificate);
  }
}

TEST_F(AuthenticatorTest, WhoShowsNothingIsAskedTo) {
  EXPECT_EQ(Reason({}), "CREDENTIALS_REQUIRED");
}

TEST_F(AuthenticatorTest, WhenNobodyIsAskedOthersAreAnonymous) {
  const Authenticator authenticator = Make(false);
  const auto who = [&](const Credentials& credentials) {
    return std::string(authenticator.Authenticate(credentials, kNow)->principal);
  };
  EXPECT_EQ(who({}), "anonymous");
  EXPECT_EQ(who({.authorization = "Basic hunter2"}), "anonymous");
  EXPECT_EQ(who({.authorization = bearer_}), "ci");
  EXPECT_EQ(who({.peer = "unix:1000"}), "unix:ann");
}

TEST_F(AuthenticatorTest, AFileThatIsNotThereHasNoNames) {
  EXPECT_EQ(UserNames::Read(directory_.File("none")).Resolve("unix:0"), "unix:0");
  // The system's own: root is there everywhere.
  EXPECT_EQ(UserNames::Read().Resolve("unix:0"), "unix:root");
}

TEST(PrincipalTest, KindsCannotBeTakenForEachOther) {
  for (const std::string_view name : {"ann", "ci@orders", "a.b/c+d-e_f", "7"}) {
    EXPECT_TRUE(IsPrincipalName(name)) << name;
    EXPECT_TRUE(IsPrincipal(name)) << name;
  }
  for (const std::string_view other : {"unix:ann", "spiffe://a/b", "x509:CN=ann"}) {
    EXPECT_FALSE(IsPrincipalName(other)) << other;
    EXPECT_TRUE(IsPrincipal(other)) << other;
  }
  for (const std::string_view none : {"", "anonymous", "*", "unix:", "spiffe://",
                                      "x509:", "other:ann", "a b", "unix:a\nb", "x509:\xff"}) {
    EXPECT_FALSE(IsPrincipal(none)) << none;
  }
  EXPECT_FALSE(IsPrincipal("x509:" + std::string(508, 'x')));
}

}  // namespace
}  // namespace prism::security

#include "branching/scram/scram_client.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "branching/scram/scram_server.h"

namespace prism::branching {
namespace {

using std::string_literals::operator""s;

constexpr std::array kPlain = {kScramSha256};
constexpr std::array kBoth = {kScramSha256Plus, kScramSha256};

struct Sides {
  ScramClient client;
  ScramServer server;
};

Sides Make(ScramClient::Secret secret, const ScramVerifier& verifier, std::string client_end = "",
           std::string server_end = "") {
  return {*ScramClient::Make(std::move(secret), std::move(client_end)),
          *ScramServer::Make({.verifier = verifier, .genuine = true}, std::move(server_end))};
}

// Whole logins; nothing is the success of both.
std::string Login(Sides& sides) {
  const auto opening = sides.client.Start(sides.server.Mechanisms());
  if (!opening) return std::string(opening.error().reason());
  const auto challenge = sides.server.Begin(opening->mechanism, opening->data);
  if (!challenge) return std::string(challenge.error().reason());
  const auto proof = sides.client.Answer(challenge->data);
  if (!proof) return std::string(proof.error().reason());
  const auto verdict = sides.server.Take(*proof);
  if (!verdict) return std::string(verdict.error().reason());
  const auto end = sides.client.Finish(verdict->data);
  return end ? "" : std::string(end.error().reason());
}

std::string Login(ScramClient::Secret secret, const ScramVerifier& verifier,
                  std::string client_end = "", std::string server_end = "") {
  Sides sides = Make(std::move(secret), verifier, std::move(client_end), std::move(server_end));
  return Login(sides);
}

std::string RandomText(std::mt19937& random, std::size_t limit) {
  std::string text(1 + random() % limit, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

TEST(ScramClientTest, BothSidesAgreeOnWhateverPassword) {
  std::mt19937 random(7677);
  for (int i = 0; i < 300; ++i) {
    const ScramPassword password{RandomText(random, 40)};
    const std::string end_point = random() % 2 == 0 ? "" : RandomText(random, 64);
    auto verifier = *ScramVerifier::FromPassword(password.text, 1 + random() % 9);
    verifier = *ScramVerifier::Parse(verifier.ToString());
    Sides sides = Make(password, verifier, end_point, end_point);
    ASSERT_EQ(Login(sides), "") << "round " << i;
    // Who has logged in can do so elsewhere, without the password.
    EXPECT_EQ(Login(sides.server.keys(), verifier), "");
    EXPECT_EQ(Login(ScramPassword{password.text + "x"}, verifier), "WRONG_PASSWORD");
  }
}

TEST(ScramClientTest, KeysOfAnotherPasswordDoNotLogIn) {
  const auto verifier = *ScramVerifier::FromPassword("right", 2);
  EXPECT_EQ(Login(DeriveKeys("wrong", verifier.salt, 2), verifier), "WRONG_PASSWORD");
  // The proof is right, and the server does not know the user's other key.
  auto half = verifier;
  half.server_key = {};
  EXPECT_EQ(Login(ScramPassword{"right"}, half), "SERVER_NOT_PROVEN");
}

TEST(ScramClientTest, BindsToItsOwnConnection) {
  const auto verifier = *ScramVerifier::FromPassword("right", 2);
  const ScramPassword password{"right"};
  EXPECT_EQ(Login(password, verifier, "one", "one"), "");
  EXPECT_EQ(Login(password, verifier, "one", "other"), "SCRAM_CHANNEL_BINDING");
  EXPECT_EQ(Login(password, verifier, "one", ""), "");  // it is not offered
  EXPECT_EQ(Login(password, verifier, "", "one"), "");  // and need not be taken
}

TEST(ScramClientTest, ChoosesWhatIsOffered) {
  using List = std::vector<std::string_view>;
  const auto start = [](const List& mechanisms, std::string end_point) {
    auto client = *ScramClient::Make(ScramPassword{"x"}, std::move(end_point));
    const auto opening = client.Start(mechanisms);
    return opening ? std::string(opening->mechanism) + " " + opening->data.substr(0, 2)
                   : std::string(opening.error().reason());
  };
  const List both(kBoth.begin(), kBoth.end());
  const List plain(kPlain.begin(), kPlain.end());
  EXPECT_EQ(start(both, "cert"), "SCRAM-SHA-256-PLUS p=");
  EXPECT_EQ(start(both, ""), "SCRAM-SHA-256 n,");
  EXPECT_EQ(start(plain, "cert"), "SCRAM-SHA-256 y,");
  EXPECT_EQ(start(plain, ""), "SCRAM-SHA-256 n,");
  EXPECT_EQ(start({}, ""), "SCRAM_NOT_OFFERED");
  EXPECT_EQ(start({"OAUTHBEARER", "SCRAM-SHA-1"}, ""), "SCRAM_NOT_OFFERED");
  EXPECT_EQ(start({kScramSha256Plus}, ""), "SCRAM_NOT_OFFERED");
}

// What the client says to a challenge; `#` stands for its own nonce.
std::string Challenge(std::string text, ScramClient::Secret secret = ScramPassword{"x"}) {
  auto client = *ScramClient::Make(std::move(secret), "");
  const std::string opening = client.Start(kPlain)->data;
  const std::string nonce = opening.substr(opening.find("r=") + 2);
  if (const auto at = text.find('#'); at != text.npos) text.replace(at, 1, nonce);
  const auto answer = client.Answer(text);
  return answer ? answer->substr(0, 9) : std::string(answer.error().reason());
}

TEST(ScramClientTest, RefusesOtherChallenges) {
  EXPECT_EQ(Challenge("r=#abc,s=c2FsdA==,i=1"), "c=biws,r=");
  EXPECT_EQ(Challenge("r=#abc,s=c2FsdA==,i=1,x=extension"), "c=biws,r=");
  const std::string texts[] = {
      "",
      "r=#abc",
      "r=#abc,s=c2FsdA==",
      "r=#,s=c2FsdA==,i=1",     // nothing of the server's own
      "r=abc#,s=c2FsdA==,i=1",  // not ours
      "r=abc,s=c2FsdA==,i=1",
      "r=#a\xc3\xa4,s=c2FsdA==,i=1",
      "m=must,r=#abc,s=c2FsdA==,i=1",
      "r=#abc,s=c2FsdA==,i=1,m=must",
      "r=#abc,s=,i=1",
      "r=#abc,s=c2FsdA,i=1",
      "r=#abc,s=c2Fsd?==,i=1",
      "r=#abc,s=c2FsdA==,i=0",
      "r=#abc,s=c2FsdA==,i=",
      "r=#abc,s=c2FsdA==,i=1x",
      "r=#abc,s=c2FsdA==,i=-1",
      "r=#abc,s=c2FsdA==,i=4294967297",
      "s=c2FsdA==,r=#abc,i=1",
      "r=#abc,s=c2FsdA==,i=1,",
      "r=#abc,s=c2FsdA==,i=1\0"s,
      "e=other-error",
      "r=#" + std::string(2000, 'r') + ",s=c2FsdA==,i=1",
  };
  for (const std::string& text : texts) EXPECT_EQ(Challenge(text), "SCRAM_MALFORMED") << text;
}

TEST(ScramClientTest, DoesNotWorkForeverForAServer) {
  EXPECT_EQ(Challenge("r=#abc,s=c2FsdA==,i=1000001"), "SCRAM_TOO_MANY_ITERATIONS");
  EXPECT_EQ(Challenge("r=#abc,s=c2FsdA==,i=2147483647", ScramKeys{}), "c=biws,r=");
}

// What it says to the last message of a server that could not have checked anything.
std::string Final(std::string_view text) {
  auto client = *ScramClient::Make(ScramKeys{}, "");
  const std::string opening = client.Start(kPlain)->data;
  EXPECT_TRUE(client.Answer("r=" + opening.substr(opening.find("r=") + 2) + "x,s=c2FsdA==,i=1")
                  .has_value());
  const auto end = client.Finish(text);
  return end ? "" : std::string(end.error().reason());
}

TEST(ScramClientTest, TheServerHasToProveItself) {
  EXPECT_EQ(Final("v=" + base::Base64Encode(std::string(32, 'x'))), "SERVER_NOT_PROVEN");
  EXPECT_EQ(Final("e=invalid-proof"), "SCRAM_REFUSED");
  for (const std::string& text : {""s, "v="s, "v=AAAA"s, "x=1"s, "v=" + std::string(44, 'A'),
                                  "e=invalid-proof,"s, "e="s + std::string(2000, 'x')}) {
    EXPECT_EQ(Final(text), "SCRAM_MALFORMED") << text;
  }
}

TEST(ScramClientTest, EachStepHasItsTurn) {
  auto client = *ScramClient::Make(ScramPassword{"x"}, "");
  EXPECT_EQ(client.Finish("v=").error().reason(), "SCRAM_MALFORMED");
  EXPECT_EQ(client.Start(kPlain).error().reason(), "SCRAM_MALFORMED");  // it is over
}

}  // namespace
}  // namespace prism::branching

#include "branching/scram/scram_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "branching/scram/scram_client.h"

namespace prism::branching {
namespace {

using std::string_literals::operator""s;
using testing::ElementsAre;

// RFC 7677 section 3.
constexpr std::string_view kClientNonce = "rOprNGfwEbeRWgbNEkqO";
constexpr std::string_view kServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr std::string_view kProof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
constexpr std::string_view kMalformed = "SCRAM_MALFORMED";
constexpr std::string_view kUnsupported = "SCRAM_UNSUPPORTED";
constexpr std::string_view kWrongBinding = "SCRAM_CHANNEL_BINDING";
constexpr std::string_view kWrongPassword = "WRONG_PASSWORD";
constexpr std::string_view kEndPoint = "\x01hash of a certificate";

ScramVerifier Pencil() {
  const std::string salt = *base::Base64Decode("W22ZaJ0SNY7soEsUEjb6gQ==");
  return ScramVerifier::FromKeys(DeriveKeys("pencil", salt, 4096), salt, 4096);
}

ScramServer Server(std::string_view end_point = "", bool genuine = true) {
  return {{.verifier = Pencil(), .genuine = genuine},
          std::string(end_point),
          std::string(kServerNonce)};
}

Result<ScramServer::Reply> First(ScramServer server, std::string_view message) {
  return server.Begin(kScramSha256, message);
}

std::string RfcFirst() { return "n,,n=user,r=" + std::string(kClientNonce); }

std::string RfcFinal() {
  return "c=biws,r=" + std::string(kClientNonce) + std::string(kServerNonce) +
         ",p=" + std::string(kProof);
}

// The reason of the error, or the answer.
std::string Outcome(const Result<ScramServer::Reply>& reply) {
  return reply ? reply->data : std::string(reply.error().reason());
}

// What a server that is in the middle of the login of the RFC says to the last message.
std::string AfterFirst(std::string_view final_message) {
  ScramServer server = Server();
  EXPECT_TRUE(server.Begin(kScramSha256, RfcFirst()).has_value());
  return Outcome(server.Take(final_message));
}

TEST(ScramServerTest, DoesTheExampleOfTheRfc) {
  ScramServer server = Server();
  EXPECT_THAT(server.Mechanisms(), ElementsAre(kScramSha256));
  const auto first = server.Begin(kScramSha256, RfcFirst());
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(first->authenticated);
  EXPECT_EQ(first->data, "r=" + std::string(kClientNonce) + std::string(kServerNonce) +
                             ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
  const auto last = server.Take(RfcFinal());
  ASSERT_TRUE(last.has_value()) << last.error().ToString();
  EXPECT_TRUE(last->authenticated);
  EXPECT_EQ(last->data, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  const ScramKeys keys = DeriveKeys("pencil", Pencil().salt, 4096);
  EXPECT_TRUE(server.keys().client == keys.client && server.keys().server == keys.server);
  EXPECT_EQ(Outcome(server.Take(RfcFinal())), kMalformed);  // no second time
}

TEST(ScramServerTest, OffersBindingOverTls) {
  EXPECT_THAT(Server(kEndPoint).Mechanisms(), ElementsAre(kScramSha256Plus, kScramSha256));
}

TEST(ScramServerTest, AsksForTheFirstMessage) {
  ScramServer server = Server();
  const auto asked = server.Begin(kScramSha256, std::nullopt);
  ASSERT_TRUE(asked.has_value());
  EXPECT_EQ(asked->data, "");
  const auto first = server.Take(RfcFirst());
  ASSERT_TRUE(first.has_value());
  EXPECT_TRUE(server.Take(RfcFinal()).has_value());
}

TEST(ScramServerTest, RefusesMechanismsThatWereNotOffered) {
  const std::string bound = "p=tls-server-end-point,,n=,r=abc";
  for (const std::string_view mechanism :
       {"", "SCRAM-SHA-1", "scram-sha-256", "SCRAM-SHA-256-PLUS"}) {
    for (const auto& message : {"n,,n=,r=abc"s, bound}) {
      EXPECT_EQ(Outcome(Server().Begin(mechanism, message)), kMalformed) << mechanism;
    }
    EXPECT_EQ(Outcome(Server().Begin(mechanism, std::nullopt)), kMalformed) << mechanism;
  }
}

TEST(ScramServerTest, RefusesOtherFirstMessages) {
  const std::pair<std::string, std::string_view> rows[] = {
      {"", kMalformed},
      {"n", kMalformed},
      {"n,,n=,r=" + std::string(1024, 'r'), kMalformed},
      {"n,", kMalformed},
      {"n,,", kMalformed},
      {"x,,n=,r=abc", kMalformed},
      {"n=,,n=,r=abc", kMalformed},
      {",,n=,r=abc", kMalformed},
      {"n,a=ann,n=,r=abc", kUnsupported},
      {"n,b=ann,n=,r=abc", kMalformed},
      {"n,,m=must,n=,r=abc", kUnsupported},
      {"n,,n=,r=abc,m=must", kMalformed},
      {"n,,n=", kMalformed},
      {"n,,r=abc", kMalformed},
      {"n,,r=abc,n=", kMalformed},
      {"n,,n=,n=,r=abc", kMalformed},
      {"n,,n=,r=", kMalformed},
      {"n,,n=,r=a b", kMalformed},
      {"n,,n=,r=a\x7f", kMalformed},
      {"n,,n=,r=\xc3\xa4", kMalformed},
      {"n,,n=,r=abc\0"s, kMalformed},
      {"n,,n=\0,r=abc"s, kMalformed},
      {"n,,n=,r=abc,", kMalformed},
      {"n,,n=,r=abc,1=x", kMalformed},
      {"n,,n=,r=abc,xy", kMalformed},
      {"n,, n=,r=abc", kMalformed},
      // Binding without the mechanism that binds.
      {"p=tls-server-end-point,,n=,r=abc", kMalformed},
  };
  for (const auto& [message, state] : rows) {
    EXPECT_EQ(Outcome(First(Server(), message)), state) << message;
  }
}

TEST(ScramServerTest, SkipsOptionalExtensions) {
  EXPECT_TRUE(First(Server(), "n,,n=,r=abc,x=1,y=").has_value());
  // No server offered to bind, and the client says that it would.
  EXPECT_TRUE(First(Server(), "y,,n=,r=abc").has_value());
}

TEST(ScramServerTest, TellsWhenSomebodyHidTheBinding) {
  EXPECT_EQ(Outcome(First(Server(kEndPoint), "y,,n=,r=abc")), kWrongBinding);
  EXPECT_TRUE(First(Server(kEndPoint), "n,,n=,r=abc").has_value());
  const auto bound = [](std::string_view message) {
    return Server(kEndPoint).Begin(kScramSha256Plus, message);
  };
  EXPECT_TRUE(bound("p=tls-server-end-point,,n=,r=abc").has_value());
  EXPECT_EQ(Outcome(bound("n,,n=,r=abc")), kMalformed);
  EXPECT_EQ(Outcome(bound("y,,n=,r=abc")), kMalformed);
  EXPECT_EQ(Outcome(bound("p=tls-unique,,n=,r=abc")), kMalformed);
  EXPECT_EQ(Outcome(bound("p=,,n=,r=abc")), kMalformed);
}

TEST(ScramServerTest, RefusesOtherFinalMessages) {
  const std::string nonce = std::string(kClientNonce) + std::string(kServerNonce);
  const std::string proof(kProof);
  const std::pair<std::string, std::string_view> rows[] = {
      {"", kMalformed},
      {"c=biws", kMalformed},
      {"c=biws,r=" + nonce, kMalformed},
      {"c=biws,r=" + nonce + ",", kMalformed},
      {"r=" + nonce + ",c=biws,p=" + proof, kMalformed},
      {"c=eSws,r=" + nonce + ",p=" + proof, kMalformed},
      {"c=,r=" + nonce + ",p=" + proof, kMalformed},
      {"c=biws=,r=" + nonce + ",p=" + proof, kMalformed},
      {"c=biws,r=" + nonce + "x,p=" + proof, kMalformed},
      {"c=biws,r=" + std::string(kServerNonce) + ",p=" + proof, kMalformed},
      {"c=biws,r=" + std::string(kClientNonce) + ",p=" + proof, kMalformed},
      {"c=biws,r=,p=" + proof, kMalformed},
      {"c=biws,r=" + nonce + ",m=must,p=" + proof, kUnsupported},
      {"c=biws,r=" + nonce + ",p=", kMalformed},
      {"c=biws,r=" + nonce + ",p=" + proof.substr(0, 43), kMalformed},
      {"c=biws,r=" + nonce + ",p=" + proof + "=", kMalformed},
      {"c=biws,r=" + nonce + ",p=" + proof + ",x=1", kMalformed},
      {"c=biws,r=" + nonce + ",p=" + proof + ",", kMalformed},
      {"c=biws,r=" + nonce + ",p=" + proof + "\0"s, kMalformed},
      {"c=biws,r=" + nonce + ",p=AAAA", kMalformed},
      {RfcFinal() + std::string(1024, 'x'), kMalformed},
      // Everything is signed, so what is allowed makes the proof wrong here.
      {"c=biws,r=" + nonce + ",x=1,p=" + proof, kWrongPassword},
      {"c=biws,r=" + nonce + ",p=e" + proof.substr(1), kWrongPassword},
  };
  for (const auto& [message, state] : rows) EXPECT_EQ(AfterFirst(message), state) << message;
  EXPECT_EQ(AfterFirst(RfcFinal()).substr(0, 2), "v=");
}

TEST(ScramServerTest, AnErrorEndsTheLogin) {
  ScramServer server = Server();
  EXPECT_FALSE(server.Begin(kScramSha256, "nonsense").has_value());
  EXPECT_EQ(Outcome(server.Begin(kScramSha256, RfcFirst())), kMalformed);
  EXPECT_EQ(Outcome(server.Take(RfcFirst())), kMalformed);
  EXPECT_EQ(Outcome(Server().Take(RfcFirst())), kMalformed);  // nothing has begun
}

TEST(ScramServerTest, AMockFailsAsAWrongPasswordDoes) {
  std::string said[2];
  for (const bool genuine : {false, true}) {
    ScramServer server = Server("", genuine);
    ASSERT_TRUE(server.Begin(kScramSha256, RfcFirst()).has_value());
    std::string final_message = RfcFinal();
    if (genuine) final_message[final_message.size() - 4] ^= 1;
    const auto reply = server.Take(final_message);
    ASSERT_FALSE(reply.has_value());
    said[genuine] = reply.error().ToString();
  }
  EXPECT_EQ(said[0], said[1]);
}

TEST(ScramServerTest, NoncesDiffer) {
  const auto first = [] {
    auto server = ScramServer::Make({.verifier = Pencil(), .genuine = true}, "");
    return server->Begin(kScramSha256, RfcFirst())->data;
  };
  EXPECT_NE(first(), first());
}

// One login, from the look-up of the user to the refusal of the proof.
std::chrono::nanoseconds TimeOfRefusal(const MockVerifiers& mocks, const ScramVerifier* known) {
  ScramKeys wrong = DeriveKeys("wrong", "salt", 1);
  auto client = ScramClient::Make(wrong, "");
  const std::string opening = client->Start(std::array{kScramSha256})->data;
  const auto begin = std::chrono::steady_clock::now();
  auto server = ScramServer::Make(mocks.Choose(known, "ann"), "");
  const auto first = server->Begin(kScramSha256, opening);
  const auto middle = std::chrono::steady_clock::now();
  const std::string proof = *client->Answer(first->data);
  const auto resumed = std::chrono::steady_clock::now();
  EXPECT_FALSE(server->Take(proof).has_value());
  return (middle - begin) + (std::chrono::steady_clock::now() - resumed);
}

std::chrono::nanoseconds Median(std::vector<std::chrono::nanoseconds> times) {
  std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2));
  return times[times.size() / 2];
}

TEST(ScramServerTest, AnUnknownUserTakesAsLongAsAWrongPassword) {
  const MockVerifiers mocks("secret");
  const ScramVerifier known = Pencil();
  double ratio = 0;
  // A machine that does other things, too, is measured again.
  for (int attempt = 0; attempt < 10; ++attempt) {
    std::vector<std::chrono::nanoseconds> unknown_user;
    std::vector<std::chrono::nanoseconds> wrong_password;
    for (int i = 0; i < 200; ++i) {
      // Whoever comes second may find warmer caches.
      if (i % 2 == 0) unknown_user.push_back(TimeOfRefusal(mocks, nullptr));
      wrong_password.push_back(TimeOfRefusal(mocks, &known));
      if (i % 2 == 1) unknown_user.push_back(TimeOfRefusal(mocks, nullptr));
    }
    ratio = static_cast<double>(Median(unknown_user).count()) /
            static_cast<double>(Median(wrong_password).count());
    if (ratio > 0.9 && ratio < 1.1) return;
  }
  FAIL() << "an unknown user takes " << ratio << " times as long as a wrong password";
}

}  // namespace
}  // namespace prism::branching

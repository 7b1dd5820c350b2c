// Logins by SCRAM and MD5. The first line of an input says what the others are:
//   server     the mechanism, the first message and the last one of a client
//   client     the mechanisms that a server offers, its challenge and its last message, where # in
//              the challenge stands for the client's nonce, and in the last one for the signature
//   verifier   the text of a stored password
//   password   a password
//   md5        the answer of a client to the challenge "salt" of a role with the password "pencil"
// Who is let in has proven something, whoever plays the other side; what is stored reads back; and
// both sides make the same of a password.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/base64.h"
#include "branching/scram/md5_login.h"
#include "branching/scram/password.h"
#include "branching/scram/scram_client.h"
#include "branching/scram/scram_server.h"
#include "branching/scram/verifier.h"

namespace {

namespace branching = prism::branching;

// Of the example in RFC 7677 section 3, which the corpus has.
constexpr std::string_view kServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr std::string_view kSalt = "W22ZaJ0SNY7soEsUEjb6gQ==";
constexpr std::string_view kEndPoint = "certificate";

void Require(bool holds) {
  if (!holds) std::abort();
}

std::string_view TakeLine(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

// The reason when it failed, else nothing. One side of a login is as good as both: the other one is
// the input.
std::string LogIn(const branching::LoginVerifier& login, std::string_view end_point,
                  std::string_view mechanism, std::string_view first, std::string_view last) {
  branching::ScramServer server(login, std::string(end_point), std::string(kServerNonce));
  auto reply = server.Begin(mechanism, first);
  if (reply) {
    Require(!reply->authenticated);
    reply = server.Take(last);
  }
  Require(!server.Take(last));  // whatever it was, it is over
  if (!reply) return std::string(reply.error().reason());
  Require(login.genuine && reply->authenticated && reply->data.starts_with("v="));
  const auto again = branching::ScramVerifier::FromKeys(server.keys(), login.verifier.salt,
                                                        login.verifier.iterations);
  Require(again == login.verifier);
  return {};
}

void CheckServer(std::string_view rest) {
  static const std::string salt = *prism::base::Base64Decode(kSalt);
  static const auto verifier =
      branching::ScramVerifier::FromKeys(branching::DeriveKeys("pencil", salt, 4096), salt, 4096);
  const std::string_view mechanism = TakeLine(rest);
  const std::string_view first = TakeLine(rest);
  for (const std::string_view end_point : {std::string_view(), kEndPoint}) {
    const std::string genuine = LogIn({verifier, true}, end_point, mechanism, first, rest);
    const std::string mock = LogIn({verifier, false}, end_point, mechanism, first, rest);
    Require(mock == (genuine.empty() ? "WRONG_PASSWORD" : genuine));
  }
  // Asked for its first message, a client may say what it would have said at once.
  branching::ScramServer asking({verifier, true}, "", std::string(kServerNonce));
  if (asking.Begin(mechanism, std::nullopt)) {
    const auto reply = asking.Take(first);
    Require(!reply || !reply->authenticated);
  }
}

std::string WithHash(std::string_view text, std::string_view meaning) {
  std::string result(text);
  if (const auto at = result.find('#'); at != result.npos) result.replace(at, 1, meaning);
  return result;
}

void CheckClient(std::string_view rest) {
  std::vector<std::string_view> mechanisms;
  for (std::string_view list = TakeLine(rest); !list.empty();) {
    const std::size_t end = std::min(list.find(' '), list.size());
    mechanisms.push_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  const branching::ScramKeys keys{};
  auto client = *branching::ScramClient::Make(keys, std::string(kEndPoint));
  const auto opening = client.Start(mechanisms);
  if (!opening) return Require(opening.error().reason() == "SCRAM_NOT_OFFERED");
  const std::string bare = opening->data.substr(opening->data.find("n=,"));
  const std::string challenge = WithHash(TakeLine(rest), bare.substr(bare.find("r=") + 2));
  const auto answer = client.Answer(challenge);
  if (!answer) return Require(!client.Finish(rest));
  const auto auth = branching::AuthMessage(bare, challenge, answer->substr(0, answer->find(",p=")));
  const auto signature = branching::HmacSha256(branching::Bytes(keys.server), auth);
  const std::string proof = prism::base::Base64Encode(branching::Bytes(signature));
  const std::string last = WithHash(rest, proof);
  const bool proven = client.Finish(last).has_value();
  Require(!proven || last.starts_with("v=" + proof));
  Require(proven || last != "v=" + proof);
}

void CheckVerifier(std::string_view text) {
  const auto verifier = branching::ScramVerifier::Parse(text);
  Require(!verifier || verifier->ToString() == text);
  const auto stored = branching::ParseStoredPassword(text);
  if (stored) {
    Require(std::holds_alternative<branching::ScramVerifier>(*stored) == verifier.has_value());
  } else {
    Require(stored.error().reason() == "BAD_VERIFIER" && !verifier);
  }
  const branching::MockVerifiers mocks("secret");
  Require(!mocks.Choose(nullptr, text).genuine && !mocks.ChooseMd5(nullptr, text).genuine);
  Require(!mocks.IsAmong(0, 7, text) && mocks.IsAmong(7, 7, text));
}

void CheckMd5(std::string_view answer) {
  const branching::Md5Verifier known{.hex = "20c46e3762c864548e296b33c3406aa9",
                                     .genuine = true};  // md5('pencil' || 'user')
  const std::string right = *branching::Md5Answer(known.hex, "salt");
  Require(branching::CheckMd5Answer(known, "salt", answer).has_value() == (answer == right));
  Require(!branching::CheckMd5Answer({.hex = known.hex}, "salt", answer));
}

void CheckPassword(std::string_view text) {
  const std::string prepared = branching::PreparePassword(text);
  Require(prepared.empty() == text.empty());
  const auto verifier = *branching::ScramVerifier::FromPassword(text, 1);
  auto server = *branching::ScramServer::Make({verifier, true}, "");
  auto client = *branching::ScramClient::Make(branching::ScramPassword{std::string(text)}, "");
  const auto opening = *client.Start(server.Mechanisms());
  const auto challenge = *server.Begin(opening.mechanism, opening.data);
  const auto verdict = *server.Take(*client.Answer(challenge.data));
  Require(verdict.authenticated && client.Finish(verdict.data).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view kind = TakeLine(rest);
  if (kind == "server") CheckServer(rest);
  if (kind == "client") CheckClient(rest);
  if (kind == "verifier") CheckVerifier(rest);
  if (kind == "password") CheckPassword(rest);
  if (kind == "md5") CheckMd5(rest);
  return 0;
}

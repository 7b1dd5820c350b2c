#include "branching/scram/scram_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/base64.h"
#include "branching/scram/attributes.h"
#include "branching/scram/password.h"
#include "branching/scram/scram_server.h"

namespace prism::branching {
namespace {

Error Malformed(std::string_view what) {
  return {
      Code::kInvalidArgument, "SCRAM_MALFORMED",
      fmt::format("malformed SCRAM message from the server: {}; it does not speak RFC 5802", what)};
}

bool Offers(std::span<const std::string_view> list, std::string_view name) {
  return std::ranges::find(list, name) != list.end();
}

}  // namespace

Result<ScramClient> ScramClient::Make(Secret secret, std::string end_point) {
  TRY_ASSIGN(std::string nonce, NewNonce());
  return ScramClient(std::move(secret), std::move(end_point), std::move(nonce));
}

ScramClient::ScramClient(Secret secret, std::string end_point, std::string nonce)
    : secret_(std::move(secret)), end_point_(std::move(end_point)), nonce_(std::move(nonce)) {}

Status ScramClient::Begin(Step step) {
  if (std::exchange(step_, Step::kEnded) == step) return {};
  return std::unexpected(Malformed("it does not belong here"));
}

Result<ScramClient::Opening> ScramClient::Start(std::span<const std::string_view> mechanisms) {
  TRY(Begin(Step::kStart));
  const bool bound = !end_point_.empty() && Offers(mechanisms, kScramSha256Plus);
  if (!bound && !Offers(mechanisms, kScramSha256)) {
    return std::unexpected(Error(Code::kFailedPrecondition, "SCRAM_NOT_OFFERED",
                                 "the server does not offer SCRAM-SHA-256: let its pg_hba.conf ask "
                                 "for scram-sha-256"));
  }
  const std::string_view unbound_header = end_point_.empty() ? "n,," : "y,,";
  const std::string header(bound ? "p=tls-server-end-point,," : unbound_header);
  binding_ = bound ? header + end_point_ : header;
  client_first_bare_ = "n=,r=" + nonce_;
  step_ = Step::kAnswer;
  return Opening{.mechanism = bound ? kScramSha256Plus : kScramSha256,
                 .data = header + client_first_bare_};
}

Result<std::string> ScramClient::Answer(std::string_view server_first) {
  TRY(Begin(Step::kAnswer));
  TRY_ASSIGN(const Challenge challenge, ParseChallenge(server_first));
  TRY_ASSIGN(const ScramKeys keys, Keys(challenge));
  const std::string without_proof =
      fmt::format("c={},r={}", base::Base64Encode(binding_), challenge.nonce);
  const std::string auth = AuthMessage(client_first_bare_, server_first, without_proof);
  server_signature_ = HmacSha256(Bytes(keys.server), auth);
  const ScramKey stored_key = Sha256(Bytes(keys.client));
  const ScramKey proof = Xor(keys.client, HmacSha256(Bytes(stored_key), auth));
  step_ = Step::kFinish;
  return fmt::format("{},p={}", without_proof, base::Base64Encode(Bytes(proof)));
}

Result<ScramClient::Challenge> ScramClient::ParseChallenge(std::string_view server_first) const {
  if (server_first.size() > kMaxServerMessage) return std::unexpected(Malformed("it is too long"));
  AttributeReader attributes(server_first);
  const auto nonce = attributes.Next('r');
  const auto salt = attributes.Next('s');
  const auto iterations = attributes.Next('i');
  if (!nonce || !salt || !iterations || !attributes.SkipRest()) {
    return std::unexpected(Malformed("server-first is not r=...,s=...,i=..."));
  }
  if (!nonce->starts_with(nonce_) || !IsNonce(nonce->substr(nonce_.size()))) {
    return std::unexpected(Malformed("another nonce"));
  }
  auto salt_bytes = ParseSalt(*salt);
  const auto count = ParseIterations(*iterations);
  if (!salt_bytes || !count) return std::unexpected(Malformed("no salt, or no iterations"));
  return Challenge{
      .nonce = std::string(*nonce), .salt = *std::move(salt_bytes), .iterations = *count};
}

Result<ScramKeys> ScramClient::Keys(const Challenge& challenge) const {
  if (const auto* keys = std::get_if<ScramKeys>(&secret_)) return *keys;
  if (challenge.iterations > kMaxClientIterations) {
    return std::unexpected(
        Error(Code::kResourceExhausted, "SCRAM_TOO_MANY_ITERATIONS",
              fmt::format("the password has {} iterations, at most {} are worked off: set it again",
                          challenge.iterations, kMaxClientIterations)));
  }
  const std::string password = PreparePassword(std::get<ScramPassword>(secret_).text);
  return DeriveKeys(password, challenge.salt, challenge.iterations);
}

Status ScramClient::Finish(std::string_view server_final) {
  TRY(Begin(Step::kFinish));
  AttributeReader attributes(server_final);
  const auto last = attributes.Next();
  if (server_final.size() > kMaxServerMessage || !last || !attributes.SkipRest()) {
    return std::unexpected(Malformed("server-final is not v=..."));
  }
  if (last->name == 'e') {
    return std::unexpected(Error(Code::kUnauthenticated, "SCRAM_REFUSED",
                                 "the server refuses the login: check user and password"));
  }
  const auto signature = last->name == 'v' ? ParseKey(last->value) : std::nullopt;
  if (!signature) return std::unexpected(Malformed("server-final is not v=..."));
  if (SameKey(*signature, server_signature_)) return {};
  return std::unexpected(Error(Code::kUnauthenticated, "SERVER_NOT_PROVEN",
                               "the server does not know this user's password: it may be another "
                               "server than it says"));
}

}  // namespace prism::branching

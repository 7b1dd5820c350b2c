#include "branching/scram/scram_server.h"

#include <fmt/format.h>

#include <utility>

#include "base/base64.h"
#include "branching/pgwire/refusal.h"
#include "branching/scram/attributes.h"

namespace prism::branching {
namespace {

constexpr std::string_view kEndPointFlag = "p=tls-server-end-point";

Error Malformed(std::string_view what) { return Refuse(Refusal::kScramMalformed, what); }

Error Unsupported(std::string_view what) { return Refuse(Refusal::kScramUnsupported, what); }

Error WrongBinding(std::string_view what) { return Refuse(Refusal::kScramChannelBinding, what); }

Error WrongPassword() {
  return {Code::kUnauthenticated, "WRONG_PASSWORD",
          "password authentication failed: check user and password"};
}

}  // namespace

Result<ScramServer> ScramServer::Make(LoginVerifier login, std::string end_point) {
  TRY_ASSIGN(std::string nonce, NewNonce());
  return ScramServer(std::move(login), std::move(end_point), std::move(nonce));
}

ScramServer::ScramServer(LoginVerifier login, std::string end_point, std::string nonce)
    : login_(std::move(login)), end_point_(std::move(end_point)), nonce_(std::move(nonce)) {}

std::vector<std::string_view> ScramServer::Mechanisms() const {
  if (end_point_.empty()) return {kScramSha256};
  return {kScramSha256Plus, kScramSha256};
}

Result<ScramServer::Reply> ScramServer::Begin(std::string_view mechanism,
                                              std::optional<std::string_view> data) {
  return Settle(Open(mechanism, data));
}

Result<ScramServer::Reply> ScramServer::Take(std::string_view data) {
  return Settle(Dispatch(data));
}

Result<ScramServer::Reply> ScramServer::Settle(Result<Reply> reply) {
  if (!reply || reply->authenticated) step_ = Step::kEnded;
  return reply;
}

Result<ScramServer::Reply> ScramServer::Open(std::string_view mechanism,
                                             std::optional<std::string_view> data) {
  if (step_ != Step::kMechanism) return std::unexpected(Malformed("it does not belong here"));
  bound_ = mechanism == kScramSha256Plus;
  if (mechanism != kScramSha256 && (!bound_ || end_point_.empty())) {
    return std::unexpected(Malformed("it chooses a mechanism that was not offered"));
  }
  step_ = Step::kFirst;
  return data ? Dispatch(*data) : Reply{};
}

Result<ScramServer::Reply> ScramServer::Dispatch(std::string_view message) {
  if (message.size() > kMaxClientMessage) return std::unexpected(Malformed("it is too long"));
  if (step_ == Step::kFirst) return TakeFirst(message);
  if (step_ == Step::kFinal) return TakeFinal(message);
  return std::unexpected(Malformed("it does not belong here"));
}

Result<ScramServer::Reply> ScramServer::TakeFirst(std::string_view message) {
  TRY_ASSIGN(const std::string_view bare, TakeGs2Header(message));
  if (bare.starts_with("m=")) return std::unexpected(Unsupported("a mandatory SCRAM extension"));
  AttributeReader attributes(bare);
  // The user is the one of the startup message; PostgreSQL's clients leave it empty here.
  const auto user = attributes.Next('n');
  const auto nonce = attributes.Next('r');
  if (!user || !nonce || !IsNonce(*nonce) || !attributes.SkipRest()) {
    return std::unexpected(Malformed("client-first is not n=...,r=..."));
  }
  client_first_bare_ = bare;
  nonce_.insert(0, *nonce);
  server_first_ = fmt::format("r={},s={},i={}", nonce_, base::Base64Encode(login_.verifier.salt),
                              login_.verifier.iterations);
  step_ = Step::kFinal;
  return Reply{.data = server_first_, .authenticated = false};
}

// What comes behind it. RFC 5802 section 7: gs2-header.
Result<std::string_view> ScramServer::TakeGs2Header(std::string_view message) {
  const std::size_t flag_end = message.find(',');
  if (flag_end == message.npos) return std::unexpected(Malformed("no GS2 header"));
  TRY(CheckBindingFlag(message.substr(0, flag_end)));
  const std::string_view rest = message.substr(flag_end + 1);
  if (rest.starts_with("a=")) return std::unexpected(Unsupported("an authorization identity"));
  if (!rest.starts_with(',')) return std::unexpected(Malformed("no GS2 header"));
  gs2_header_ = message.substr(0, flag_end + 2);
  return rest.substr(1);
}

Status ScramServer::CheckBindingFlag(std::string_view flag) const {
  const bool binds = flag.starts_with("p=");
  if (!binds && flag != "n" && flag != "y") {
    return std::unexpected(Malformed("its channel binding flag is not n, y or p"));
  }
  if (binds != bound_) {
    return std::unexpected(Malformed("mechanism and channel binding flag contradict each other"));
  }
  if (binds && flag != kEndPointFlag) {
    return std::unexpected(Malformed("a channel binding other than tls-server-end-point"));
  }
  if (flag == "y" && !end_point_.empty()) {
    return std::unexpected(WrongBinding("the client did not see that channel binding is offered"));
  }
  return {};
}

Result<ScramServer::Reply> ScramServer::TakeFinal(std::string_view message) {
  AttributeReader attributes(message);
  const auto binding = attributes.Next('c');
  const auto nonce = attributes.Next('r');
  if (!binding || !nonce)
    return std::unexpected(Malformed("client-final is not c=...,r=...,p=..."));
  auto last = attributes.Next();
  while (last && last->name != 'p' && last->name != 'm') last = attributes.Next();
  if (last && last->name == 'm') {
    return std::unexpected(Unsupported("a mandatory SCRAM extension"));
  }
  const auto proof = last ? ParseKey(last->value) : std::nullopt;
  if (!proof || !attributes.at_end()) {
    return std::unexpected(Malformed("client-final does not end with a proof"));
  }
  TRY(CheckBinding(*binding));
  if (*nonce != nonce_) return std::unexpected(Malformed("another nonce"));
  return CheckProof(message.substr(0, last->offset - 1), *proof);
}

Status ScramServer::CheckBinding(std::string_view value) const {
  if (value == base::Base64Encode(bound_ ? gs2_header_ + end_point_ : gs2_header_)) return {};
  if (bound_) return std::unexpected(WrongBinding("the client is bound to another connection"));
  return std::unexpected(Malformed("client-final repeats another GS2 header"));
}

Result<ScramServer::Reply> ScramServer::CheckProof(std::string_view without_proof,
                                                   const ScramKey& proof) {
  const ScramVerifier& verifier = login_.verifier;
  const std::string auth = AuthMessage(client_first_bare_, server_first_, without_proof);
  const ScramKey client_key = Xor(proof, HmacSha256(Bytes(verifier.stored_key), auth));
  // All of it for a mock, too: an unknown user must not be answered sooner.
  const bool right = SameKey(Sha256(Bytes(client_key)), verifier.stored_key);
  if (!right || !login_.genuine) return std::unexpected(WrongPassword());
  keys_ = {.client = client_key, .server = verifier.server_key};
  const ScramKey signature = HmacSha256(Bytes(verifier.server_key), auth);
  return Reply{.data = "v=" + base::Base64Encode(Bytes(signature)), .authenticated = true};
}

}  // namespace prism::branching

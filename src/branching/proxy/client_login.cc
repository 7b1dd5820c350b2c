#include "branching/proxy/client_login.h"

#include <string_view>
#include <utility>
#include <variant>

#include "branching/pgwire/messages.h"
#include "branching/pgwire/refusal.h"
#include "branching/scram/md5_login.h"

namespace prism::branching {
namespace {

using runtime::Task;

// PostgreSQL documentation, "Message Formats": every answer of a client that logs in.
constexpr char kPasswordMessage = 'p';

using Keys = Result<std::optional<ScramKeys>>;

Status CheckIsPassword(const Message& message) {
  if (message.type == kPasswordMessage) return {};
  const std::string_view type(&message.type, 1);
  return std::unexpected(Refuse(Refusal::kProtocolViolation, type));
}

class ScramLogin {
 public:
  ScramLogin(SocketStream& client, MessageStream& messages, ScramServer scram, Until until)
      : client_(client), messages_(messages), scram_(std::move(scram)), until_(until) {}

  Task<Status> Run() {
    std::string out;
    AppendAuthenticationSasl(out, scram_.Mechanisms());
    Status asked = co_await client_.Write(out, until_);
    CO_TRY(std::move(asked));
    bool begun = false;
    while (true) {
      auto next = co_await messages_.Next(until_);
      CO_TRY_ASSIGN(const Message message, std::move(next));
      CO_TRY_ASSIGN(const ScramServer::Reply reply, Take(message, std::exchange(begun, true)));
      out.clear();
      if (reply.authenticated) {
        AppendAuthenticationSaslFinal(out, reply.data);
      } else {
        AppendAuthenticationSaslContinue(out, reply.data);
      }
      Status told = co_await client_.Write(out, until_);
      CO_TRY(std::move(told));
      if (reply.authenticated) co_return Status();
    }
  }
  const ScramKeys& keys() const { return scram_.keys(); }

 private:
  Result<ScramServer::Reply> Take(const Message& message, bool begun) {
    TRY(CheckIsPassword(message));
    if (begun) return scram_.Take(message.body);
    TRY_ASSIGN(const SaslInitialBody first, ParseSaslInitialResponse(message.body));
    return scram_.Begin(first.mechanism, first.data);
  }

  SocketStream& client_;
  MessageStream& messages_;
  ScramServer scram_;
  const Until until_;
};

Task<Keys> AskByScram(SocketStream* client, MessageStream* messages, LoginVerifier verifier,
                      std::string end_point, Until until) {
  CO_TRY_ASSIGN(ScramServer scram, ScramServer::Make(std::move(verifier), std::move(end_point)));
  ScramLogin login(*client, *messages, std::move(scram), until);
  Status proven = co_await login.Run();
  CO_TRY(std::move(proven));
  co_return login.keys();
}

Task<Keys> AskByMd5(SocketStream* client, MessageStream* messages, Md5Verifier verifier,
                    Until until) {
  CO_TRY_ASSIGN(const std::string salt, RandomBytes(kMd5SaltLength));
  std::string out;
  AppendAuthenticationMd5Password(out, salt);
  Status asked = co_await client->Write(out, until);
  CO_TRY(std::move(asked));
  auto next = co_await messages->Next(until);
  CO_TRY_ASSIGN(const Message message, std::move(next));
  CO_TRY(CheckIsPassword(message));
  CO_TRY_ASSIGN(const std::string_view answer, ParsePassword(message.body));
  CO_TRY(CheckMd5Answer(verifier, salt, answer));
  co_return std::nullopt;
}

}  // namespace

Task<Keys> AskPassword(SocketStream* client, MessageStream* messages, LoginCheck check,
                       std::string user, std::string end_point, Until until) {
  Keys keys;
  if (auto* md5 = std::get_if<Md5Verifier>(&check)) {
    keys = co_await AskByMd5(client, messages, std::move(*md5), until);
  } else {
    keys = co_await AskByScram(client, messages, std::get<LoginVerifier>(std::move(check)),
                               std::move(end_point), until);
  }
  const bool wrong = !keys && keys.error().reason() == Describe(Refusal::kWrongPassword).reason;
  if (wrong) co_return std::unexpected(Refuse(Refusal::kWrongPassword, user));
  co_return keys;
}

}  // namespace prism::branching

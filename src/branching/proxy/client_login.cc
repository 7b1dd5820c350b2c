#include "branching/proxy/client_login.h"

#include <utility>

#include "branching/pgwire/messages.h"
#include "branching/pgwire/refusal.h"

namespace prism::branching {
namespace {

using runtime::Task;

// PostgreSQL documentation, "Message Formats": every answer of a client that logs in.
constexpr char kPasswordMessage = 'p';

class ClientLogin {
 public:
  ClientLogin(SocketStream& client, MessageStream& messages, ScramServer scram, Until until)
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
    if (message.type != kPasswordMessage) {
      const std::string_view type(&message.type, 1);
      return std::unexpected(Refuse(Refusal::kProtocolViolation, type));
    }
    if (begun) return scram_.Take(message.body);
    TRY_ASSIGN(const SaslInitialBody first, ParseSaslInitialResponse(message.body));
    return scram_.Begin(first.mechanism, first.data);
  }

  SocketStream& client_;
  MessageStream& messages_;
  ScramServer scram_;
  const Until until_;
};

}  // namespace

Task<Result<ScramKeys>> AskPassword(SocketStream* client, MessageStream* messages,
                                    LoginVerifier verifier, std::string user, std::string end_point,
                                    Until until) {
  CO_TRY_ASSIGN(ScramServer scram, ScramServer::Make(std::move(verifier), std::move(end_point)));
  ClientLogin login(*client, *messages, std::move(scram), until);
  Status proven = co_await login.Run();
  if (proven) co_return login.keys();
  const bool wrong = proven.error().reason() == Describe(Refusal::kWrongPassword).reason;
  co_return std::unexpected(wrong ? Refuse(Refusal::kWrongPassword, user) : proven.error());
}

}  // namespace prism::branching

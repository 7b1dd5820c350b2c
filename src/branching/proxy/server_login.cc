#include "branching/proxy/server_login.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/os_error.h"
#include "branching/pgwire/messages.h"
#include "branching/pgwire/refusal.h"
#include "branching/pgwire/wire_bytes.h"
#include "branching/scram/scram_client.h"

namespace prism::branching {
namespace {

using runtime::Task;

// Codes of Authentication messages (PostgreSQL documentation, "Message Formats").
enum : std::uint32_t { kOk = 0, kSasl = 10, kSaslContinue = 11, kSaslFinal = 12 };
// Fourteen settings or so and a few notices have less than 1 KiB; a branch's superuser decides what
// its server says.
constexpr std::size_t kMaxGreeting = std::size_t{256} * 1024;

class ServerLogin {
 public:
  ServerLogin(std::unique_ptr<SocketStream> stream, const std::optional<ScramKeys>& keys,
              Until until)
      : messages_(*stream, kMaxBodyOfServer), keys_(keys), until_(until) {
    session_.stream = std::move(stream);
  }

  Task<Result<LoginOutcome>> Run(StartupMessage startup) {
    Status sent = co_await session_.stream->Write(startup.Write(kProtocol30), until_);
    CO_TRY(std::move(sent));
    while (true) {
      auto next = co_await messages_.Next(until_);
      CO_TRY_ASSIGN(const Message message, std::move(next));
      if (message.type == 'E') co_return Refused(message);
      if (message.type == 'Z') {
        session_.rest = messages_.TakeRest();
        co_return std::move(session_);
      }
      CO_TRY_ASSIGN(const std::string answer, Take(message));
      Status answered = co_await session_.stream->Write(answer, until_);
      CO_TRY(std::move(answered));
    }
  }

 private:
  // What the server is to be sent.
  Result<std::string> Take(const Message& message) {
    switch (message.type) {
      case 'R':
        return Authenticate(message.body);
      case 'K': {
        TRY_ASSIGN(const KeyDataBody key, ParseBackendKeyData(message.body));
        session_.process_id = key.process_id;
        session_.key = key.key;
        return std::string();
      }
      default:
        session_.greeting += Whole(message);
        if (session_.greeting.size() > kMaxGreeting) {
          return std::unexpected(Refuse(Refusal::kProtocolViolation, "an endless greeting"));
        }
        return std::string();
    }
  }

  Result<std::string> Authenticate(std::string_view body) {
    TRY_ASSIGN(const AuthenticationBody asked, ParseAuthentication(body));
    if (asked.code == kOk) return std::string();
    std::string out;
    if (asked.code == kSasl && keys_) {
      TRY_ASSIGN(const auto mechanisms, ParseMechanisms(asked.data));
      TRY_ASSIGN(scram_, ScramClient::Make(*keys_, {}));
      TRY_ASSIGN(const ScramClient::Opening opening, scram_->Start(mechanisms));
      AppendSaslInitialResponse(out, opening.mechanism, opening.data);
      return out;
    }
    if (asked.code == kSaslContinue && scram_) {
      TRY_ASSIGN(const std::string proof, scram_->Answer(asked.data));
      AppendSaslResponse(out, proof);
      return out;
    }
    if (asked.code == kSaslFinal && scram_) {
      TRY(scram_->Finish(asked.data));
      return out;
    }
    return std::unexpected(Error(Code::kUnavailable, "SERVER_LOGIN_UNSUPPORTED",
                                 fmt::format("the branch asks for a login (code {}) that is not "
                                             "supported: it must trust its socket or use "
                                             "scram-sha-256",
                                             asked.code)));
  }

  static LoginOutcome Refused(const Message& message) {
    const auto report = ParseReport(message.body);
    return ServerRefusal{.message = Whole(message),
                         .sqlstate = std::string(report ? report->sqlstate : "")};
  }

  static std::string Whole(const Message& message) {
    std::string bytes;
    bytes += message.type;
    AppendInt32(bytes, static_cast<std::uint32_t>(message.body.size() + sizeof(std::uint32_t)));
    bytes += message.body;
    return bytes;
  }

  ServerSession session_;
  MessageStream messages_;
  const std::optional<ScramKeys> keys_;
  const Until until_;
  std::optional<ScramClient> scram_;
};

Result<base::UniqueFd> OpenUnix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return std::unexpected(Error(Code::kInternal, "SOCKET_PATH_TOO_LONG",
                                 fmt::format("the path {} is too long for a socket", path)));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return std::unexpected(base::OsError(errno, "CONNECTION_LOST", "making a socket"));
  // A unix socket connects at once, or its queue is full (EAGAIN).
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return std::unexpected(base::OsError(errno, "CONNECTION_LOST", "connecting to the branch"));
  }
  return fd;
}

}  // namespace

Result<std::unique_ptr<SocketStream>> ConnectUnix(runtime::Shard& shard, StreamBuffers& buffers,
                                                  const std::string& path) {
  TRY_ASSIGN(base::UniqueFd fd, OpenUnix(path));
  auto stream = std::make_unique<SocketStream>(shard, buffers, std::move(fd));
  TRY(stream->Start());
  return stream;
}

Task<Result<LoginOutcome>> LogIn(std::unique_ptr<SocketStream> stream, StartupMessage startup,
                                 std::optional<ScramKeys> keys, Until until) {
  ServerLogin login(std::move(stream), keys, until);
  co_return co_await login.Run(std::move(startup));
}

}  // namespace prism::branching

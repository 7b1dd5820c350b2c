#include "tests/branching/raw_client.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <stdexcept>
#include <utility>

#include "branching/pgwire/message_reader.h"
#include "branching/pgwire/messages.h"
#include "branching/pgwire/testing/startup_packet.h"
#include "branching/scram/scram_client.h"

namespace prism::branching::testing {
namespace {

using prism::testing::WireSocket;

// PostgreSQL documentation, "Message Formats".
constexpr std::uint32_t kSsl = 80877103;
constexpr std::uint32_t kVersion30 = 196608;
enum : std::uint32_t { kOk = 0, kSasl = 10, kSaslContinue = 11, kSaslFinal = 12 };

base::UniqueFd Connect(const std::string& port) {
  base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("nobody listens");
  }
  return fd;
}

std::string Answer(ScramClient& scram, const AuthenticationBody& asked) {
  std::string out;
  if (asked.code == kSasl) {
    const auto opening = scram.Start(ParseMechanisms(asked.data).value()).value();
    AppendSaslInitialResponse(out, opening.mechanism, opening.data);
  } else if (asked.code == kSaslContinue) {
    AppendSaslResponse(out, scram.Answer(asked.data).value());
  } else if (asked.code == kSaslFinal && !scram.Finish(asked.data)) {
    throw std::runtime_error("the server knows no password");
  }
  return out;
}

}  // namespace

RawClient::RawClient(const std::string& port) : socket_(Connect(port)) {}

void RawClient::StartTls(Speak how, std::string_view alpn) {
  if (how == Speak::kTls) {
    socket_.Send(StartupPacket(kSsl, ""));
    if (socket_.Receive(1) != "S") throw std::runtime_error("no TLS is spoken here");
  }
  tls_.reset(SSL_CTX_new(TLS_client_method()));
  if (!alpn.empty()) {
    std::string list(1, static_cast<char>(alpn.size()));
    list += alpn;
    SSL_CTX_set_alpn_protos(tls_.get(), reinterpret_cast<const unsigned char*>(list.data()),
                            static_cast<unsigned>(list.size()));
  }
  socket_.ConnectTls(tls_.get());
}

void RawClient::SendStartup(const std::string& user, const std::string& database) {
  socket_.Send(StartupPacket(kVersion30, StartupBody({"user", user, "database", database})));
}

CancelKey RawClient::LogIn(const std::string& user, const std::string& password) {
  SendStartup(user, "postgres");
  auto scram = ScramClient::Make(ScramPassword{password}, {}).value();
  CancelKey key{};
  while (true) {
    const WireSocket::Message message = socket_.ReceiveMessage();
    if (message.type == 'E') throw std::runtime_error(message.body);
    if (message.type == 'Z') return key;
    if (message.type == 'K') {
      const KeyDataBody body = ParseBackendKeyData(message.body).value();
      key = {.process_id = body.process_id, .key = std::string(body.key)};
    }
    if (message.type == 'R') {
      socket_.Send(Answer(scram, ParseAuthentication(message.body).value()));
    }
  }
}

bool RawClient::Ended() {
  try {
    (void)socket_.Receive(1);
  } catch (const std::runtime_error&) {
    return true;
  }
  return false;
}

}  // namespace prism::branching::testing

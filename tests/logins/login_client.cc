#include "tests/logins/login_client.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <stdexcept>
#include <utility>

#include "branching/pgwire/message_reader.h"
#include "branching/pgwire/messages.h"
#include "branching/scram/channel_binding.h"

namespace prism::testing {
namespace {

constexpr std::uint32_t kOk = 0;
constexpr std::uint32_t kSasl = 10;
constexpr std::uint32_t kSaslContinue = 11;
constexpr std::uint32_t kSaslFinal = 12;

void AppendInt32(std::string& out, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

base::UniqueFd Connect(int family, const sockaddr* address, socklen_t size) {
  base::UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), address, size) != 0) throw std::runtime_error("no server there");
  return fd;
}

base::UniqueFd ConnectUnix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return Connect(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

base::UniqueFd ConnectLoopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return Connect(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

std::string StartupPacket(const std::string& user) {
  std::string body;
  AppendInt32(body, 196608);
  for (const std::string& text : {std::string("user"), user, std::string("database"),
                                  std::string("postgres"), std::string()}) {
    body.append(text).push_back('\0');
  }
  std::string packet;
  AppendInt32(packet, body.size() + 4);
  return packet + body;
}

}  // namespace

LoginClient::LoginClient(const std::string& socket_path) : server_(ConnectUnix(socket_path)) {}

LoginClient::LoginClient(int port)
    : server_(ConnectLoopback(port)), tls_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free) {
  std::string request;
  branching::AppendSslRequest(request);
  server_.Send(request);
  if (server_.Receive(1) != "S") throw std::runtime_error("the server has no TLS");
  server_.ConnectTls(tls_.get());
}

std::string LoginClient::EndPoint() const {
  return server_.tls() ? branching::TlsServerEndPoint(server_.ServerCertificate()) : "";
}

Status LoginClient::Login(const std::string& user, branching::ScramClient::Secret secret,
                          std::string end_point) {
  server_.Send(StartupPacket(user));
  TRY_ASSIGN(auto scram, branching::ScramClient::Make(std::move(secret), std::move(end_point)));
  TRY(Exchange(scram));
  while (server_.ReceiveMessage().type != 'Z') {
  }
  return {};
}

Status LoginClient::Exchange(branching::ScramClient& scram) {
  for (;;) {
    const WireSocket::Message message = server_.ReceiveMessage();
    if (message.type == 'E') {
      const auto report = branching::ParseReport(message.body).value();
      return std::unexpected(
          Error(Code::kUnauthenticated, report.sqlstate, std::string(report.message)));
    }
    TRY_ASSIGN(const auto request, branching::ParseAuthentication(message.body));
    std::string out;
    if (request.code == kOk) return {};
    if (request.code == kSasl) {
      TRY_ASSIGN(const auto mechanisms, branching::ParseMechanisms(request.data));
      TRY_ASSIGN(const auto opening, scram.Start(mechanisms));
      mechanism_ = opening.mechanism;
      branching::AppendSaslInitialResponse(out, opening.mechanism, opening.data);
    } else if (request.code == kSaslContinue) {
      TRY_ASSIGN(const std::string proof, scram.Answer(request.data));
      branching::AppendSaslResponse(out, proof);
    } else if (request.code == kSaslFinal) {
      TRY(scram.Finish(request.data));
    } else {
      throw std::runtime_error("the server asks for something else than SCRAM");
    }
    server_.Send(out);
  }
}

std::string LoginClient::Ask(std::string_view sql) {
  std::string query = "Q";
  AppendInt32(query, sql.size() + 5);
  query.append(sql).push_back('\0');
  server_.Send(query);
  std::string answer;
  for (;;) {
    const WireSocket::Message message = server_.ReceiveMessage();
    // DataRow: the number of columns in two bytes, then each value behind its length.
    if (message.type == 'D' && answer.empty()) answer = message.body.substr(6);
    if (message.type == 'E') answer = branching::ParseReport(message.body).value().message;
    if (message.type == 'Z') return answer;
  }
}

}  // namespace prism::testing

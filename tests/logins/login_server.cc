#include "tests/logins/login_server.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <stdexcept>
#include <utility>

#include "branching/pgwire/message_reader.h"
#include "branching/pgwire/messages.h"
#include "branching/scram/channel_binding.h"

namespace prism::testing {
namespace {

constexpr std::uint32_t kSslRequest = 80877103;

void Require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

SslContext LoadTls(const std::string& certificate, const std::string& key) {
  SslContext context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  Require(SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) == 1 &&
              SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) == 1,
          "no certificate with its key");
  return context;
}

}  // namespace

LoginServer::LoginServer(Options options)
    : options_(std::move(options)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (!options_.certificate.empty()) tls_ = LoadTls(options_.certificate, options_.key);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  Require(::bind(listener_.get(), generic, size) == 0 && ::listen(listener_.get(), 1) == 0 &&
              ::getsockname(listener_.get(), generic, &size) == 0,
          "no port to listen on");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

LoginServer::~LoginServer() { Finish(); }

std::string LoginServer::conninfo() const {
  return fmt::format("host=127.0.0.1 port={} gssencmode=disable ", port_);
}

const LoginServer::Outcome& LoginServer::Finish() {
  ::shutdown(listener_.get(), SHUT_RDWR);  // nobody may have come
  if (thread_.joinable()) thread_.join();
  return outcome_;
}

void LoginServer::Serve() {
  base::UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!fd) return;
  try {
    WireSocket client(std::move(fd));
    Handshake(client);
    Login(client);
  } catch (const std::runtime_error& failed) {
    outcome_.reason = failed.what();
  }
}

// Up to the startup message, whose parameters don't matter here.
void LoginServer::Handshake(WireSocket& client) {
  for (;;) {
    const std::uint32_t length = client.ReceiveInt32();
    const std::uint32_t code = client.ReceiveInt32();
    if (code != kSslRequest) {
      client.Receive(length - 8);
      return;
    }
    client.Send(tls_ ? "S" : "N");
    if (tls_) client.AcceptTls(tls_.get());
  }
}

void LoginServer::Login(WireSocket& client) {
  std::string end_point;
  if (client.tls()) end_point = branching::TlsServerEndPoint(client.ServerCertificate());
  auto scram =
      branching::ScramServer::Make(options_.login, options_.end_point.value_or(end_point)).value();
  std::string out;
  branching::AppendAuthenticationSasl(out, scram.Mechanisms());
  client.Send(out);

  const std::string first = client.ReceiveMessage().body;
  const auto initial = branching::ParseSaslInitialResponse(first).value();
  outcome_.mechanism = initial.mechanism;
  auto reply = scram.Begin(initial.mechanism, initial.data);
  while (reply && !reply->authenticated) {
    out.clear();
    branching::AppendAuthenticationSaslContinue(out, reply->data);
    client.Send(out);
    reply = scram.Take(client.ReceiveMessage().body);
  }
  out.clear();
  if (reply) {
    outcome_.keys = scram.keys();
    branching::AppendAuthenticationSaslFinal(out, reply->data);
    branching::AppendAuthenticationOk(out);
    branching::AppendReadyForQuery(out, branching::TransactionStatus::kIdle);
  } else {
    outcome_.reason = reply.error().reason();
    branching::AppendErrorResponse(out, reply.error());
  }
  client.Send(out);
  if (reply) client.ReceiveMessage();  // its goodbye
}

}  // namespace prism::testing

// TLS sessions against a client of OpenSSL, without a socket: the test decides how bytes are cut.
#include "rpc/tls/server_tls.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <functional>
#include <vector>

#include "rpc/testing/certificates.h"

namespace prism::rpc {
namespace {

using State = TlsSession::State;
using Configure = std::function<void(SSL_CTX*)>;

constexpr std::string_view kBoth = "\x08http/1.1\x02h2";

Configure Alpn(std::string_view list) {
  return [list](SSL_CTX* context) {
    SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(list.data()),
                            static_cast<unsigned>(list.size()));
  };
}

// A client that verifies nothing.
class Client {
 public:
  explicit Client(const Configure& setup = {}) : context_(SSL_CTX_new(TLS_client_method())) {
    if (setup) setup(context_);
    ssl_ = SSL_new(context_);
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_, in_, out_);
    SSL_set_connect_state(ssl_);
  }
  ~Client() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool Handshake() { return SSL_do_handshake(ssl_) == 1; }
  void Take(std::string_view cipher) {
    BIO_write(in_, cipher.data(), static_cast<int>(cipher.size()));
  }
  std::string Sent() {
    std::string bytes(static_cast<std::size_t>(BIO_ctrl_pending(out_)), '\0');
    BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
  }
  void Write(std::string_view plain) {
    std::size_t written = 0;
    EXPECT_EQ(SSL_write_ex(ssl_, plain.data(), plain.size(), &written), 1);
  }
  std::string Read() {
    std::string plain;
    std::array<char, 4096> part;
    std::size_t count = 0;
    while (SSL_read_ex(ssl_, part.data(), part.size(), &count) == 1)
      plain.append(part.data(), count);
    ended_ = SSL_get_error(ssl_, 0) == SSL_ERROR_ZERO_RETURN;
    ERR_clear_error();
    return plain;
  }
  // The server has said goodbye; after Read.
  bool ended() const { return ended_; }
  SSL* ssl() { return ssl_; }

 private:
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  BIO* in_ = nullptr;
  BIO* out_ = nullptr;
  bool ended_ = false;
};

// The server's end: everything that it understood, and what it wants sent.
struct Server {
  explicit Server(std::shared_ptr<const TlsContext> context,
                  std::size_t max_record = TlsSession::kMaxRecord)
      : session(std::move(context), max_record) {}

  void Take(std::string_view cipher, std::size_t piece = 1 << 20) {
    std::array<char, 1000> buffer;  // smaller than a record
    for (; !cipher.empty(); cipher.remove_prefix(std::min(piece, cipher.size()))) {
      session.Feed(cipher.substr(0, piece));
      for (;;) {
        const std::string_view part = session.Read(buffer, out);
        if (part.empty()) break;
        plain += part;
      }
    }
  }
  std::string Sent() { return std::exchange(out, {}); }

  TlsSession session;
  std::string plain;
  std::string out;
};

class TlsSessionTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    files = std::make_unique<testing::Certificates>();
    files->Make("server", "DNS:localhost");
    files->Make("client", "DNS:client,URI:spiffe://example.org/app");
    files->Make("plain", "DNS:plain");
    files->Run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=elsewhere -keyout other.key -out other.pem");
    files->Make("stranger", "DNS:client", "-days 2", "other");
  }
  static void TearDownTestSuite() { files.reset(); }

  static std::string File(const std::string& name) { return files->File(name); }
  static TlsOptions Options() {
    return {.certificate = File("server.pem"), .key = File("server.key"), .client_ca = {}};
  }
  static std::shared_ptr<const TlsContext> Load(const TlsOptions& options = Options()) {
    auto context = TlsContext::Load(options);
    EXPECT_TRUE(context) << context.error().ToString();
    return *context;
  }
  static std::string Refusal(const TlsOptions& options) {
    const auto context = TlsContext::Load(options);
    return context ? "fine" : context.error().ToString();
  }
  static Configure Certificate(const std::string& name) {
    return [name](SSL_CTX* context) {
      SSL_CTX_use_certificate_file(context, File(name + ".pem").c_str(), SSL_FILETYPE_PEM);
      SSL_CTX_use_PrivateKey_file(context, File(name + ".key").c_str(), SSL_FILETYPE_PEM);
    };
  }
  // Carries bytes to and fro until nobody has any more.
  static void Pump(Client& client, Server& server, std::size_t piece = 1 << 20) {
    for (;;) {
      client.Handshake();
      const std::string to_server = client.Sent();
      server.Take(to_server, piece);
      const std::string to_client = server.Sent();
      client.Take(to_client);
      if (to_server.empty() && to_client.empty()) return;
    }
  }
  static TlsFailure Fails(const Configure& setup, const TlsOptions& options = Options()) {
    Client client(setup);
    Server server(Load(options));
    Pump(client, server);
    EXPECT_EQ(server.session.state(), State::kFailed);
    return server.session.failure();
  }

  static inline std::unique_ptr<testing::Certificates> files;
};

TEST_F(TlsSessionTest, CarriesBytesHoweverTheyAreCut) {
  for (const std::size_t piece : {1u, 3u, 7u, 1000u, 1u << 20}) {
    Client client(Alpn(kBoth));
    Server server(Load());
    Pump(client, server, piece);
    ASSERT_EQ(server.session.state(), State::kOpen) << piece;
    const std::string question(40'000, 'q');
    client.Write(question);
    server.Take(client.Sent(), piece);
    EXPECT_EQ(server.plain, question);
    const std::string answer(100'000, 'a');
    ASSERT_TRUE(server.session.Write(answer, server.out));
    client.Take(server.Sent());
    EXPECT_EQ(client.Read(), answer);
    EXPECT_FALSE(client.ended());
  }
}

TEST_F(TlsSessionTest, APortionLeavesInAsFewRecordsAsCanBe) {
  Client client;
  Server server(Load());
  Pump(client, server);
  ASSERT_TRUE(server.session.Write(std::string(64 * 1024, 'a'), server.out));
  EXPECT_LE(server.Sent().size(), 64u * 1024 + 4 * 22);  // 4 records of 22 bytes more
}

TEST_F(TlsSessionTest, RecordsAreAsShortAsTheyShallBe) {
  Client client;
  Server server(Load(), 8192);
  Pump(client, server);
  const std::string answer(64 * 1024, 'a');
  ASSERT_TRUE(server.session.Write(answer, server.out));
  const std::string cipher = server.Sent();
  EXPECT_EQ(cipher.size(), 64u * 1024 + 8 * 22);
  client.Take(cipher);
  EXPECT_EQ(client.Read(), answer);
}

TEST_F(TlsSessionTest, PrefersHttp2) {
  const std::array<std::pair<std::string_view, std::string_view>, 3> cases = {
      {{kBoth, "h2"}, {"\x08http/1.1", "http/1.1"}, {"\x02hq\x02h2", "h2"}}};
  for (const auto& [offered, chosen] : cases) {
    Client client(Alpn(offered));
    Server server(Load());
    Pump(client, server);
    EXPECT_EQ(server.session.protocol(), chosen);
  }
  Client silent;
  Server server(Load());
  Pump(silent, server);
  EXPECT_EQ(server.session.state(), State::kOpen);
  EXPECT_EQ(server.session.protocol(), "");
}

TEST_F(TlsSessionTest, SpeaksWhatItIsTold) {
  TlsOptions options = Options();
  options.protocols = {"postgresql"};
  Client client(Alpn("\x0apostgresql"));
  SSL_set_tlsext_host_name(client.ssl(), "new-feature.localhost");
  Server server(Load(options));
  Pump(client, server);
  EXPECT_EQ(server.session.protocol(), "postgresql");
  EXPECT_EQ(server.session.server_name(), "new-feature.localhost");
  EXPECT_EQ(Fails(Alpn(kBoth), options), TlsFailure::kProtocol);
}

TEST_F(TlsSessionTest, CountsWhyThereIsNoSession) {
  EXPECT_EQ(Fails(Alpn("\x04smtp")), TlsFailure::kProtocol);
  const auto old = [](SSL_CTX* context) {
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_1_VERSION);
    SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
  };
  EXPECT_EQ(Fails(old), TlsFailure::kVersion);
  const auto tls12 = [](SSL_CTX* context) {
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  };
  TlsOptions modern = Options();
  modern.min_version = TlsVersion::k13;
  EXPECT_EQ(Fails(tls12, modern), TlsFailure::kVersion);
  const auto suspicious = [](SSL_CTX* context) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  };
  EXPECT_EQ(Fails(suspicious), TlsFailure::kRefused);
}

TEST_F(TlsSessionTest, Tls12HasOnlyCiphersThatHttp2Allows) {
  for (const char* cipher : {"ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256",
                             "ECDHE-ECDSA-AES256-SHA", "DHE-RSA-AES128-GCM-SHA256"}) {
    const auto only = [cipher](SSL_CTX* context) {
      SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
      EXPECT_EQ(SSL_CTX_set_cipher_list(context, cipher), 1) << cipher;
    };
    EXPECT_EQ(Fails(only), TlsFailure::kOther) << cipher;
  }
  Client client([](SSL_CTX* c) { SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION); });
  Server server(Load());
  Pump(client, server);
  EXPECT_STREQ(SSL_get_cipher_name(client.ssl()), "ECDHE-ECDSA-AES128-GCM-SHA256");
}

TEST_F(TlsSessionTest, TellsClientsWithoutTls) {
  Server http1(Load());
  http1.Take("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(http1.session.failure(), TlsFailure::kPlaintext);
  const std::string answer = http1.Sent();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
  const std::string length = answer.substr(answer.find("content-length: ") + 16, 2);
  EXPECT_EQ(std::to_string(answer.size() - answer.find("\r\n\r\n") - 4), length);

  Server http2(Load());
  http2.Take("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const std::string frames = http2.Sent();
  ASSERT_EQ(frames.size(), 9u + 9 + static_cast<unsigned char>(frames[11]));
  EXPECT_EQ(frames[12], 7);  // GOAWAY

  Server other(Load());
  other.Take("\x01\x02");
  EXPECT_EQ(other.session.failure(), TlsFailure::kPlaintext);
  EXPECT_EQ(other.Sent(), "");
}

TEST_F(TlsSessionTest, RefusesAHelloThatClaimsToBeHuge) {
  Server server(Load());
  server.Take(std::string_view("\x16\x03\x01\x40\x00\x01\x01\xff\xff", 9));
  EXPECT_EQ(server.session.state(), State::kFailed);
  Server tiny(Load());
  tiny.Take(std::string_view("\x16\x03\x01\x00\x01\x01\x16\x03\x01", 9));
  EXPECT_EQ(tiny.session.state(), State::kFailed);
}

TEST_F(TlsSessionTest, RefusesBytesThatSomebodyChanged) {
  Client client;
  Server server(Load());
  Pump(client, server);
  client.Write("hello");
  std::string cipher = client.Sent();
  cipher.back() = static_cast<char>(cipher.back() ^ 1);
  server.Take(cipher);
  EXPECT_EQ(server.plain, "");
  EXPECT_EQ(server.session.state(), State::kFailed);
  EXPECT_NE(server.out, "");  // the alert
  EXPECT_FALSE(server.session.Write("no", server.out));
}

TEST_F(TlsSessionTest, EndsInGoodOrder) {
  Client client;
  Server server(Load());
  Pump(client, server);
  client.Write("last");
  SSL_shutdown(client.ssl());
  server.Take(client.Sent());
  EXPECT_EQ(server.plain, "last");
  EXPECT_EQ(server.session.state(), State::kEnded);
  EXPECT_TRUE(server.session.Write("answer", server.out));
  server.session.Close(server.out);
  const std::string once = server.out;
  server.session.Close(server.out);
  EXPECT_EQ(server.out, once);
  client.Take(server.Sent());
  EXPECT_EQ(client.Read(), "answer");
  EXPECT_TRUE(client.ended());
}

TEST_F(TlsSessionTest, NothingIsClosedBeforeItWasOpen) {
  Server server(Load());
  server.session.Close(server.out);
  EXPECT_EQ(server.out, "");
  EXPECT_FALSE(server.session.Write("early", server.out));
}

TEST_F(TlsSessionTest, RefusesToNegotiateAgain) {
  Client client([](SSL_CTX* c) { SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION); });
  Server server(Load());
  Pump(client, server);
  SSL_renegotiate(client.ssl());
  client.Handshake();
  server.Take(client.Sent());
  client.Take(server.Sent());  // no_renegotiation
  EXPECT_FALSE(client.Handshake());
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_NO_RENEGOTIATION);
  ERR_clear_error();
  EXPECT_EQ(server.plain, "");
  EXPECT_EQ(server.session.state(), State::kFailed);
}

TEST_F(TlsSessionTest, TakesKeyUpdatesAndNoFloodOfThem) {
  Client client;
  Server server(Load());
  Pump(client, server);
  const auto update = [&client] {
    SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED);
    client.Handshake();
  };
  for (int i = 0; i < 100; ++i) {
    update();
    client.Write(std::string(1 << 20, 'q'));
    server.Take(client.Sent());
    client.Take(server.Sent());
    EXPECT_EQ(client.Read(), "");
  }
  EXPECT_EQ(server.plain.size(), std::size_t{100} << 20);
  ASSERT_EQ(server.session.state(), State::kOpen);
  for (int i = 0; i < 1000; ++i) update();
  server.Take(client.Sent());
  EXPECT_EQ(server.session.state(), State::kFailed);
  EXPECT_LT(server.out.size(), 10'000u) << "the rest was not answered";
}

TEST_F(TlsSessionTest, DemandsACertificateThatIsVouchedFor) {
  TlsOptions options = Options();
  options.client_ca = File("ca.pem");
  EXPECT_EQ(Fails({}, options), TlsFailure::kClientCertificate);
  EXPECT_EQ(Fails(Certificate("stranger"), options), TlsFailure::kClientCertificate);
  const std::array<std::pair<std::string, std::string>, 2> known = {
      {{"client", "spiffe://example.org/app"}, {"plain", "CN=plain"}}};
  for (const auto& [name, identity] : known) {
    Client client(Certificate(name));
    Server server(Load(options));
    Pump(client, server);
    EXPECT_EQ(server.session.state(), State::kOpen);
    EXPECT_EQ(server.session.PeerIdentity(), identity);
  }
  Client unasked(Certificate("client"));
  Server server(Load());
  Pump(unasked, server);
  EXPECT_EQ(server.session.PeerIdentity(), "");
}

TEST_F(TlsSessionTest, ResumesWithinAContextAndNotBeyond) {
  TlsOptions options = Options();
  options.client_ca = File("ca.pem");
  const auto context = Load(options);
  Client first(Certificate("client"));
  Server server(context);
  Pump(first, server);
  first.Read();  // takes the ticket
  SSL_SESSION* ticket = SSL_get1_session(first.ssl());
  for (const auto& [now, resumed] : {std::pair(context, 1), std::pair(Load(options), 0)}) {
    Client again(Certificate("client"));
    SSL_set_session(again.ssl(), ticket);
    Server next(now);
    Pump(again, next);
    EXPECT_EQ(next.session.state(), State::kOpen);
    EXPECT_EQ(SSL_session_reused(again.ssl()), resumed);
    EXPECT_EQ(next.session.PeerIdentity(), "spiffe://example.org/app");
  }
  SSL_SESSION_free(ticket);
}

TEST_F(TlsSessionTest, SaysWhatIsWrongWithTheFiles) {
  const auto with = [](auto change) {
    TlsOptions options = Options();
    change(options);
    return Refusal(options);
  };
  EXPECT_EQ(Refusal(Options()), "fine");
  const std::string missing = with([](TlsOptions& o) { o.certificate = File("nothing"); });
  EXPECT_TRUE(missing.starts_with("FAILED_PRECONDITION/TLS_FILE_UNREADABLE")) << missing;
  EXPECT_NE(missing.find("nothing\" can't be read (No such file"), std::string::npos) << missing;
  EXPECT_NE(with([](TlsOptions& o) { o.key = ""; }).find("TLS_KEY_PAIR_INCOMPLETE"),
            std::string::npos);
  EXPECT_NE(with([](TlsOptions& o) { o.key = File("client.key"); }).find("TLS_KEY_MISMATCH"),
            std::string::npos);
  EXPECT_NE(with([](TlsOptions& o) { o.certificate = File("server.key"); }).find("INVALID"),
            std::string::npos);
  EXPECT_NE(with([](TlsOptions& o) { o.key = File("server.pem"); }).find("INVALID"),
            std::string::npos);
  EXPECT_NE(with([](TlsOptions& o) { o.client_ca = File("server.key"); }).find("INVALID"),
            std::string::npos);
  files->Run("openssl ec -in server.key -aes128 -passout pass:secret -out locked.key");
  EXPECT_NE(with([](TlsOptions& o) { o.key = File("locked.key"); }).find("TLS_KEY_ENCRYPTED"),
            std::string::npos);
}

TEST_F(TlsSessionTest, WarnsOfWhatWorksAndShouldNot) {
  EXPECT_EQ(Load()->warnings(), std::vector<std::string>{});
  files->Make("expired", "DNS:localhost", "-days -1");
  files->Run("chmod o+r expired.key");
  const auto context =
      Load({.certificate = File("expired.pem"), .key = File("expired.key"), .client_ca = {}});
  ASSERT_EQ(context->warnings().size(), 2u);
  EXPECT_NE(context->warnings()[0].find("has expired"), std::string::npos);
  EXPECT_NE(context->warnings()[1].find("expired.key"), std::string::npos);
  EXPECT_GT(Load()->not_after(), context->not_after());
}

}  // namespace
}  // namespace prism::rpc

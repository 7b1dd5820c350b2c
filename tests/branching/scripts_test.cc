// What real clients and servers do seldom or never, each played word for word.
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "branching/pgwire/messages.h"
#include "branching/pgwire/testing/startup_packet.h"
#include "branching/pgwire/wire_bytes.h"
#include "branching/proxy/proxy.h"
#include "branching/scram/scram_server.h"
#include "rpc/testing/certificates.h"
#include "runtime/shard.h"
#include "tests/branching/client.h"
#include "tests/branching/raw_client.h"
#include "tests/branching/running_host.h"
#include "tests/branching/scripted_server.h"

namespace prism::branching {
namespace {

using namespace std::string_literals;

using prism::testing::WireSocket;
using testing::AwaitTrue;
using testing::RawClient;
using testing::ReceivePacket;
using testing::RunningHost;
using testing::ScriptedServer;
using testing::Speak;

constexpr std::uint32_t kSsl = 80877103;

std::shared_ptr<const Roles> Ann() {
  std::map<std::string, Role, std::less<>> roles;
  roles["ann"] = {.password = ScramVerifier::FromPassword("secret").value(),
                  .may_login = true,
                  .valid_until = {}};
  // md5('secret' || 'old')
  roles["old"] = {.password = Md5Password{"7cb133e596658708079ed4cfaaf64462"},
                  .may_login = true,
                  .valid_until = {}};
  return std::make_shared<const Roles>(std::move(roles), "a secret of the test");
}

// A server that lets everybody in, with a process id of its own for each.
std::string Greeting(int connection) {
  std::string out;
  AppendAuthenticationOk(out);
  AppendParameterStatus(out, "server_version", "15.0");
  AppendBackendKeyData(out, 4000 + static_cast<std::uint32_t>(connection), "key!");
  AppendReadyForQuery(out, TransactionStatus::kIdle);
  return out;
}

std::string Fatal(std::string_view sqlstate, std::string_view message, std::string_view hint) {
  std::string out;
  AppendErrorResponse(out, {.severity = "FATAL",
                            .sqlstate = sqlstate,
                            .message = message,
                            .detail = {},
                            .hint = hint,
                            .reason = {}});
  return out;
}

void LetIn(WireSocket& client, int connection) {
  (void)ReceivePacket(client);
  client.Send(Greeting(connection));
}

// The proxy in front of a server that follows a script.
class Stage {
 public:
  explicit Stage(ScriptedServer::Script script, const ProxyLimits& limits = {},
                 const std::vector<std::string>& balancers = {})
      : server(std::move(script)), host(Ann(), server.socket_path()) {
    files.Make("server", "IP:127.0.0.1");
    EXPECT_TRUE(shards.Start());
    proxy = std::make_unique<Proxy>(shards, host, clock, logger, ProxyNaming{}, limits);
    auto context = rpc::TlsContext::Load({.certificate = files.File("server.pem"),
                                          .key = files.File("server.key"),
                                          .client_ca = {},
                                          .protocols = {"postgresql"}});
    HelloRules rules{.tls = MakeProxyTls(context.value())};
    if (!balancers.empty()) {
      rules.balancers = std::make_shared<const Networks>(Networks::Parse(balancers).value());
    }
    auto address = proxy->Listen(rpc::ListenSocket::Open("127.0.0.1:0").value(), std::move(rules));
    port = address.value().substr(address->rfind(':') + 1);
  }
  ~Stage() {
    proxy.reset();
    shards.Stop();
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // What libpq says; empty: it is in.
  std::string Connect(const std::string& who = "user=ann@dev dbname=x",
                      const std::string& how = "password=secret sslmode=disable") const {
    const std::string info = "host=127.0.0.1 port=" + port + " " + who + " " + how;
    PGconn* connection = PQconnectdb(info.c_str());
    const std::string said =
        PQstatus(connection) == CONNECTION_OK ? "" : PQerrorMessage(connection);
    PQfinish(connection);
    return said.substr(said.find("FATAL") == std::string::npos ? 0 : said.find("FATAL"));
  }

  ScriptedServer server;
  RunningHost host;
  rpc::testing::Certificates files;
  SystemClock clock;
  bool Logged(std::string_view text) {
    const std::scoped_lock lock(mutex);
    return log.contains(text);
  }

  std::mutex mutex;
  std::string log;
  telemetry::Logger logger{telemetry::LogLevel::kInfo, telemetry::LogFormat::kText,
                           [this](std::string_view line) {
                             const std::scoped_lock lock(mutex);
                             log += line;
                           }};
  runtime::ShardPool shards{2};
  std::unique_ptr<Proxy> proxy;
  std::string port;
};

TEST(ProxyScripts, AsksAServerAgainThatIsNotReadyYet) {
  const Stage stage([](WireSocket& client, int connection) {
    if (connection == 3) return LetIn(client, connection);
    (void)ReceivePacket(client);
    client.Send(Fatal("57P03", "the database system is starting up", ""));
  });
  EXPECT_EQ(stage.Connect(), "");
  EXPECT_EQ(stage.server.connections(), 4);
}

TEST(ProxyScripts, LetsThoseInOfWhomAnMd5HashIsKept) {
  const Stage stage(LetIn);
  const std::string old = "user=old dbname=x@dev";
  EXPECT_EQ(stage.Connect(old), "");
  EXPECT_EQ(stage.Connect(old, "password=secret sslmode=require"), "");
  EXPECT_EQ(stage.Connect(old, "password=wrong sslmode=disable"),
            "FATAL:  password authentication failed for user \"old\"\n");
  EXPECT_TRUE(stage.Connect("user=old@dev dbname=x")
                  .starts_with("FATAL:  user \"old\" can't be authenticated with a branch in its"));
  EXPECT_EQ(stage.server.connections(), 2);
  RawClient rude(stage.port);
  rude.SendStartup("old", "x@dev");
  EXPECT_EQ(rude.socket().ReceiveMessage().type, 'R');
  rude.socket().Send("Q\0\0\0\6x\0"s);
  EXPECT_EQ(rude.socket().ReceiveMessage().type, 'E');
}

// It would prove nothing to a server that wants more than its socket.
TEST(ProxyScripts, GivesUpAServerThatAsksForAPasswordWhichMd5DoesNotGive) {
  const Stage stage([](WireSocket& client, int) {
    (void)ReceivePacket(client);
    std::string asked;
    AppendAuthenticationSasl(asked, std::vector<std::string_view>{kScramSha256});
    client.Send(asked);
    (void)client.Receive(100'000);  // until nobody speaks
  });
  EXPECT_TRUE(stage.Connect("user=old dbname=x@dev")
                  .starts_with("FATAL:  the server of branch \"dev\" ended the connection\n"));
}

TEST(ProxyScripts, SaysWordForWordWhatAServerRefuses) {
  const Stage stage([](WireSocket& client, int) {
    (void)ReceivePacket(client);
    client.Send(Fatal("53300", "sorry, my own words", "and what to do"));
  });
  EXPECT_EQ(stage.Connect(), "FATAL:  sorry, my own words\nHINT:  and what to do\n");
}

TEST(ProxyScripts, GivesUpAServerThatIsNone) {
  const std::vector<ScriptedServer::Script> scripts = {
      [](WireSocket& client, int) { client.Send("HTTP/1.1 400 Bad Request\r\n\r\n"); },
      [](WireSocket& client, int) { (void)ReceivePacket(client); },
      [](WireSocket& client, int) {
        std::string setting;
        AppendParameterStatus(setting, "name", std::string(1000, 'v'));
        while (true) client.Send(setting);  // until nobody listens
      },
      [](WireSocket& client, int) {
        client.Send("R\0\0\0\x8\0\0\0\x3"s);  // AuthenticationCleartextPassword
        (void)client.Receive(100'000);        // until nobody speaks
      }};
  for (const auto& script : scripts) {
    const Stage stage(script);
    EXPECT_TRUE(
        stage.Connect().starts_with("FATAL:  the server of branch \"dev\" ended the connection\n"));
    EXPECT_EQ(stage.host.inside(), 0);
  }
}

TEST(ProxyScripts, WaitsForASilentServerAsLongAsItMay) {
  const Stage stage([](WireSocket& client, int) { (void)client.Receive(100'000); },
                    {.hold_timeout = 100 * kNanosPerMilli});
  EXPECT_TRUE(
      stage.Connect().starts_with("FATAL:  the server of branch \"dev\" is still starting\n"));
}

TEST(ProxyScripts, NoticesAClientThatLeavesWhileTheServerStarts) {
  const Stage stage(
      [](WireSocket& client, int) {
        (void)ReceivePacket(client);
        client.Send(Fatal("57P03", "the database system is starting up", ""));
      },
      {.hold_timeout = 600 * kNanosPerSecond});
  const std::string info = "host=127.0.0.1 port=" + stage.port +
                           " user=ann@dev password=secret dbname=x sslmode=disable";
  PGconn* connection = PQconnectStart(info.c_str());
  AwaitTrue([&] {
    PQconnectPoll(connection);
    return stage.server.connections() > 1;
  });
  PQfinish(connection);
  AwaitTrue([&] { return stage.host.inside() == 0; });
}

TEST(ProxyScripts, RefusesBytesInFrontOfTls) {
  const Stage stage(LetIn);
  RawClient client(stage.port);
  client.socket().Send(testing::StartupPacket(kSsl, "") + "x");
  EXPECT_EQ(client.socket().ReceiveMessage().type, 'E');
  EXPECT_TRUE(client.Ended());
}

TEST(ProxyScripts, SpeaksTlsAtOnceWithThoseWhoNameTheProtocol) {
  const Stage stage(LetIn);
  RawClient client(stage.port);
  client.StartTls(Speak::kDirectTls);
  EXPECT_NE(client.LogIn("ann@dev", "secret").process_id, 0u);
  RawClient anybody(stage.port);
  anybody.StartTls(Speak::kDirectTls, "");
  EXPECT_TRUE(anybody.Ended());
  RawClient browser(stage.port);
  EXPECT_THROW(browser.StartTls(Speak::kDirectTls, "h2"), std::runtime_error);
  EXPECT_EQ(stage.server.connections(), 1);
}

// A header of the PROXY protocol, version 2; `command`: 0 of the balancer itself, 1 for a client.
std::string Introduce(char command, char transport, std::string_view body) {
  std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
  header += static_cast<char>(0x20 + command);
  header += transport;
  header.push_back(static_cast<char>(body.size() >> 8));
  header.push_back(static_cast<char>(body.size()));
  return header.append(body);
}

std::string IntroduceIp4() {
  return Introduce(1, 0x11, std::string_view("\xc0\0\2\1\x7f\0\0\1\x30\x39\x15\x38", 12));
}

TEST(ProxyScripts, BelievesBalancersWhoTheirClientsAre) {
  Stage stage(LetIn, {}, {"127.0.0.0/8"});
  const std::string ip6 = std::string("\x20\1\x0d\xb8", 4) + std::string(11, '\0') + "\1" +
                          std::string(16, '\0') + std::string("\0\x50\0\1", 4);
  const std::vector<std::pair<std::string, std::string>> rows = {
      {IntroduceIp4(), "192.0.2.1:12345"},
      {Introduce(1, 0x21, ip6), "[2001:db8::1]:80"},
      {Introduce(0, 0, ""), "127.0.0.1:"}};
  for (const auto& [header, peer] : rows) {
    for (const Speak how : {Speak::kClear, Speak::kTls, Speak::kDirectTls}) {
      RawClient client(stage.port);
      client.socket().Send(header.substr(0, 14));
      client.socket().Send(header.substr(14));
      if (how != Speak::kClear) client.StartTls(how);
      (void)client.LogIn("ann@dev", "secret");
      EXPECT_TRUE(stage.host.last_peer().starts_with(peer)) << stage.host.last_peer();
    }
  }
  RawClient client(stage.port);
  client.socket().Send(IntroduceIp4());
  EXPECT_THROW((void)client.LogIn("ann@dev", "wrong"), std::runtime_error);
  EXPECT_TRUE(stage.Logged("192.0.2.1:12345"));
  EXPECT_FALSE(stage.Logged("127.0.0.1"));
}

TEST(ProxyScripts, RefusesABalancerThatSaysNothing) {
  Stage stage(LetIn, {}, {"127.0.0.1"});
  RawClient client(stage.port);
  client.SendStartup("ann@dev", "x");
  EXPECT_TRUE(client.Ended());
  AwaitTrue([&] { return stage.Logged("BAD_PROXY_HEADER"); });
  RawClient broken(stage.port);
  broken.socket().Send(Introduce(5, 0x11, IntroduceIp4()));
  EXPECT_TRUE(broken.Ended());
  EXPECT_EQ(stage.server.connections(), 0);
}

TEST(ProxyScripts, RefusesAnIntroductionByAnybodyElse) {
  for (const std::vector<std::string>& balancers :
       {std::vector<std::string>{}, std::vector<std::string>{"10.0.0.0/8", "::1"}}) {
    Stage stage(LetIn, {}, balancers);
    RawClient client(stage.port);
    client.socket().Send(IntroduceIp4());
    EXPECT_TRUE(client.Ended());
    AwaitTrue([&] { return stage.Logged("BAD_PROXY_HEADER"); });
    EXPECT_EQ(stage.Connect(), "");
  }
}

// Whoever is cancelled, and how the canceller speaks.
class CancelScripts : public ::testing::Test {
 protected:
  // A session's server must not wait for the next one's.
  void Play(WireSocket& client, int connection) {
    const std::string packet = ReceivePacket(client);
    if (packet.starts_with(std::string_view("\x04\xd2\x16\x2e", 4))) {  // 80877102
      const std::scoped_lock lock(mutex_);
      return cancelled_.push_back(packet.substr(4));
    }
    client.Send(Greeting(connection));
    const std::scoped_lock lock(mutex_);
    sessions_.push_back(std::make_unique<WireSocket>(std::move(client)));
  }
  std::vector<std::string> cancelled() {
    const std::scoped_lock lock(mutex_);
    return cancelled_;
  }
  // True: answered nothing and closed.
  bool Cancel(const CancelKey& key, Speak how) {
    RawClient canceller(stage_.port);
    if (how != Speak::kClear) canceller.StartTls(how);
    std::string packet;
    AppendCancelRequest(packet, key.process_id, key.key);
    canceller.socket().Send(packet);
    return canceller.Ended();
  }

  std::mutex mutex_;
  std::vector<std::string> cancelled_;
  std::vector<std::unique_ptr<WireSocket>> sessions_;
  Stage stage_{[this](WireSocket& client, int connection) { Play(client, connection); }};
};

TEST_F(CancelScripts, ReachTheServerOfTheSessionHoweverTheyCome) {
  // On both shards, in clear and with TLS.
  std::vector<std::unique_ptr<RawClient>> clients;
  std::vector<CancelKey> keys;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<RawClient>(stage_.port));
    if (i % 2 != 0) clients.back()->StartTls(Speak::kTls);
    keys.push_back(clients.back()->LogIn("ann@dev", "secret"));
  }
  std::vector<std::string> expected;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    for (const Speak how : {Speak::kClear, Speak::kTls, Speak::kDirectTls}) {
      EXPECT_TRUE(Cancel(keys[i], how));
      std::string target;
      AppendInt32(target, 4000 + static_cast<std::uint32_t>(i));
      expected.push_back(target + "key!");
    }
  }
  EXPECT_EQ(cancelled(), expected);
  EXPECT_EQ(stage_.proxy->counters().cancels.load(), 12u);
}

TEST_F(CancelScripts, MayNotGuess) {
  RawClient client(stage_.port);
  const CancelKey key = client.LogIn("ann@dev", "secret");
  std::string wrong = key.key;
  wrong.front() = static_cast<char>(~wrong.front());
  for (const CancelKey& guess : std::vector<CancelKey>{{key.process_id, wrong},
                                                       {key.process_id + 1, key.key},
                                                       {0, key.key},
                                                       {0xffffffff, key.key},
                                                       {key.process_id, std::string(32, 'x')}}) {
    EXPECT_TRUE(Cancel(guess, Speak::kClear));
  }
  EXPECT_EQ(stage_.server.connections(), 1);
  EXPECT_TRUE(Cancel(key, Speak::kClear));
  EXPECT_EQ(cancelled().size(), 1u);
}

}  // namespace
}  // namespace prism::branching

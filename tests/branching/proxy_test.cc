// The proxy in front of a running PostgreSQL, asked by libpq and by PostgreSQL's own programs.
#include "branching/proxy/proxy.h"

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "branching/pgwire/refusal.h"
#include "rpc/testing/certificates.h"
#include "runtime/shard.h"
#include "tests/branching/client.h"
#include "tests/branching/running_host.h"
#include "tests/servers/postgres.h"

namespace prism::branching {
namespace {

using prism::testing::PostgresServer;
using testing::Ask;
using testing::AwaitTrue;
using testing::Closer;
using testing::Connection;

// What a program prints, its errors too.
std::string Shell(const std::string& command) {
  std::string output;
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> part;
  for (std::size_t got; (got = std::fread(part.data(), 1, part.size(), pipe)) > 0;)
    output.append(part.data(), got);
  const int status = ::pclose(pipe);
  if (status != 0) output += "[exit " + std::to_string(WEXITSTATUS(status)) + "]";
  return output;
}

class ProxyTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    postgres = std::make_unique<PostgresServer>();
    const Connection admin(PQconnectdb(postgres->conninfo().c_str()));
    Ask(admin, "CREATE ROLE alice LOGIN PASSWORD 'wonder land'");
    Ask(admin, "CREATE ROLE nologin NOLOGIN PASSWORD 'x'");
    Ask(admin, "CREATE ROLE \"a@b\" LOGIN PASSWORD 'x'");
    certificates = std::make_unique<rpc::testing::Certificates>();
    certificates->Make("server", "DNS:localhost,IP:127.0.0.1");
    host = std::make_unique<testing::RunningHost>(postgres->conninfo(), postgres->socket_path());
  }
  static void TearDownTestSuite() {
    host.reset();
    certificates.reset();
    postgres.reset();
  }

  void SetUp() override {
    ASSERT_TRUE(shards_.Start());
    host->TakeLong(0);
    Serve({});
  }
  void TearDown() override {
    proxy_.reset();
    shards_.Stop();
  }

  void Serve(const ProxyLimits& limits) {
    proxy_ = std::make_unique<Proxy>(shards_, *host, clock_, logger_, ProxyNaming{}, limits);
    auto socket = rpc::ListenSocket::Open("127.0.0.1:0");
    ASSERT_TRUE(socket);
    auto context = rpc::TlsContext::Load({.certificate = certificates->File("server.pem"),
                                          .key = certificates->File("server.key"),
                                          .client_ca = {},
                                          .protocols = {"postgresql"}});
    ASSERT_TRUE(context) << context.error().ToString();
    auto address = proxy_->Listen(*std::move(socket), {.tls = MakeProxyTls(*context)});
    ASSERT_TRUE(address) << address.error().ToString();
    port_ = address->substr(address->rfind(':') + 1);
  }

  std::string ConnInfo(const std::string& more) const {
    return "host=127.0.0.1 port=" + port_ + " connect_timeout=60 " + more;
  }
  Connection Connect(const std::string& more = "user=postgres@dev password=secret") const {
    Connection connection(PQconnectdb(ConnInfo(more + " dbname=postgres").c_str()));
    PQsetNoticeProcessor(connection.get(), [](void*, const char*) {}, nullptr);
    return connection;
  }
  // Empty: it goes.
  std::string Refusal(const std::string& more) const {
    const Connection connection = Connect(more);
    return PQstatus(connection.get()) == CONNECTION_OK ? "" : PQerrorMessage(connection.get());
  }
  // A client that has said who it is.
  Connection AskToEnter() const {
    Connection connection(PQconnectStart(
        ConnInfo("user=postgres@dev password=secret dbname=postgres sslmode=disable").c_str()));
    AwaitTrue([&] {
      PQconnectPoll(connection.get());
      return PQstatus(connection.get()) == CONNECTION_AWAITING_RESPONSE;
    });
    return connection;
  }
  std::string Psql(const std::string& command, const std::string& how = "sslmode=prefer") const {
    return Shell("PGPASSWORD=secret psql -XAtq -v ON_ERROR_STOP=1 \"" +
                 ConnInfo("user=postgres@dev dbname=postgres " + how) + "\" " + command);
  }

  static inline std::unique_ptr<PostgresServer> postgres;
  static inline std::unique_ptr<rpc::testing::Certificates> certificates;
  static inline std::unique_ptr<testing::RunningHost> host;

  runtime::ShardPool shards_{2};
  SystemClock clock_;
  telemetry::Logger logger_{telemetry::LogLevel::kError, telemetry::LogFormat::kText};
  std::unique_ptr<Proxy> proxy_;
  std::string port_;
};

TEST_F(ProxyTest, LetsThoseInWhoKnowThePassword) {
  for (const char* how :
       {"sslmode=disable", "sslmode=require", "sslmode=require channel_binding=require",
        "sslmode=verify-full", "gssencmode=disable sslmode=allow"}) {
    const std::string root = " sslrootcert=" + certificates->File("ca.pem");
    const Connection connection =
        Connect("user=alice@dev password='wonder land' " + std::string(how) + root);
    ASSERT_EQ(PQstatus(connection.get()), CONNECTION_OK) << how << PQerrorMessage(connection.get());
    EXPECT_EQ(Ask(connection, "SELECT current_user"), "alice") << how;
    EXPECT_EQ(Ask(connection, "SELECT current_database()"), "postgres");
    EXPECT_EQ(PQserverVersion(connection.get()) / 10000, 15);
  }
}

TEST_F(ProxyTest, AnswersEveryStrangerTheSame) {
  const auto sentence = [](const std::string& user) {
    return "FATAL:  password authentication failed for user \"" + user + "\"\n";
  };
  EXPECT_TRUE(
      Refusal("user=alice@dev password=wrong sslmode=disable").ends_with(sentence("alice")));
  EXPECT_TRUE(
      Refusal("user=nobody@dev password=wrong sslmode=disable").ends_with(sentence("nobody")));
  EXPECT_TRUE(
      Refusal("user=nologin@dev password=x sslmode=disable").ends_with(sentence("nologin")));
  EXPECT_EQ(host->inside(), 0);
  EXPECT_EQ(proxy_->counters().refused.load(), 3u);
}

TEST_F(ProxyTest, TakesTheBranchFromUserDatabaseAndOptions) {
  const auto where = [&](const std::string& info) {
    std::vector<std::string> notices;
    const Connection connection(PQconnectStart(ConnInfo(info).c_str()));
    PQsetNoticeProcessor(
        connection.get(),
        [](void* list, const char* text) {
          static_cast<std::vector<std::string>*>(list)->emplace_back(text);
        },
        &notices);
    while (PQconnectPoll(connection.get()) != PGRES_POLLING_OK) {
      if (PQstatus(connection.get()) == CONNECTION_BAD)
        return std::string(PQerrorMessage(connection.get()));
    }
    return notices.empty() ? "" : notices.front();
  };
  const std::string password = " password=secret";
  EXPECT_EQ(where("user=postgres@one dbname=postgres" + password), "NOTICE:  created one\n");
  EXPECT_EQ(where("user=postgres dbname=postgres@two" + password), "NOTICE:  created two\n");
  EXPECT_EQ(where("user=postgres@three" + password), "NOTICE:  created three\n");
  EXPECT_EQ(where("user=postgres dbname=postgres options='-c prism.branch=four'" + password),
            "NOTICE:  created four\n");
  EXPECT_NE(where("user=postgres@one dbname=postgres@two" + password).find("FATAL"),
            std::string::npos);
  EXPECT_NE(where("user=postgres dbname=postgres" + password).find("FATAL"), std::string::npos);
  EXPECT_NE(where("user=postgres@missing dbname=postgres" + password).find("FATAL"),
            std::string::npos);
}

TEST_F(ProxyTest, CancelsWhatTheClientRuns) {
  const Connection admin(PQconnectdb(postgres->conninfo().c_str()));
  std::vector<Connection> pack;
  // Who cancels comes to the shard of the session, then, when that has a pack, to another one.
  for (const char* how : {"sslmode=disable", "sslmode=require"}) {
    const std::string info = "user=postgres@dev password=secret " + std::string(how);
    const Connection connection = Connect(info);
    ASSERT_EQ(PQstatus(connection.get()), CONNECTION_OK);
    const std::unique_ptr<PGcancel, Closer> cancel(PQgetCancel(connection.get()));
    const std::string pid = Ask(connection, "SELECT pg_backend_pid()");
    ASSERT_EQ(PQsendQuery(connection.get(), "SELECT pg_sleep(600)"), 1);
    // A server that has not begun with the query has nothing to cancel.
    AwaitTrue([&] {
      return Ask(admin, "SELECT wait_event FROM pg_stat_activity WHERE pid = " + pid) == "PgSleep";
    });
    std::array<char, 256> error{};
    ASSERT_EQ(PQcancel(cancel.get(), error.data(), error.size()), 1) << error.data();
    const std::unique_ptr<PGresult, Closer> result(PQgetResult(connection.get()));
    EXPECT_STREQ(PQresultErrorField(result.get(), PG_DIAG_SQLSTATE), "57014");
    while (pack.size() < 7) pack.push_back(Connect(info));
  }
  EXPECT_EQ(proxy_->counters().cancels.load(), 2u);
}

TEST_F(ProxyTest, CarriesMuchBothWays) {
  for (const char* how : {"sslmode=disable", "sslmode=require"}) {
    EXPECT_EQ(Psql("-c 'SELECT length(repeat($$x$$, 50000000))'", how), "50000000\n");
    EXPECT_EQ(Shell("PGPASSWORD=secret psql -XAtq \"" +
                    ConnInfo("user=postgres@dev dbname=postgres " + std::string(how)) +
                    "\" -c 'SELECT repeat($$x$$, 20000000)' | wc -c"),
              "20000001\n");
    EXPECT_EQ(Shell("seq 1 1000000 | PGPASSWORD=secret psql -XAtq \"" +
                    ConnInfo("user=postgres@dev dbname=postgres " + std::string(how)) +
                    "\" -c 'CREATE TEMP TABLE t(i int)' -c 'COPY t FROM STDIN' -c 'SELECT sum(i) "
                    "FROM t'"),
              "500000500000\n");
  }
}

TEST_F(ProxyTest, ServesPostgresqlsOwnPrograms) {
  const std::string info = "'" + ConnInfo("user=postgres@dev dbname=postgres") + "'";
  const std::string bin = "PGPASSWORD=secret /usr/lib/postgresql/15/bin/";
  EXPECT_EQ(Shell(bin + "pgbench -i -s 1 -q " + info + " > /dev/null"), "");
  const std::string bench = Shell(bin + "pgbench -c 8 -t 50 -j 2 -M prepared " + info);
  EXPECT_NE(bench.find("number of failed transactions: 0 "), std::string::npos) << bench;
  const std::string dump = Shell(bin + "pg_dump -t pgbench_branches " + info);
  EXPECT_NE(dump.find("COPY public.pgbench_branches"), std::string::npos) << dump;
  const std::string receiver =
      Shell(bin + "pg_receivewal --no-loop --create-slot --slot=through -d " + info) +
      Shell(bin + "pg_receivewal --no-loop --drop-slot --slot=through -d " + info);
  EXPECT_EQ(receiver, "");
}

TEST_F(ProxyTest, DeliversNotifications) {
  const Connection listener = Connect();
  EXPECT_EQ(Ask(listener, "LISTEN news"), "LISTEN");
  EXPECT_EQ(Psql("-c \"NOTIFY news, 'rain'\""), "");
  AwaitTrue([&] {
    PQconsumeInput(listener.get());
    PGnotify* notify = PQnotifies(listener.get());
    const bool there = notify != nullptr && std::string(notify->extra) == "rain";
    PQfreemem(notify);
    return there;
  });
}

TEST_F(ProxyTest, EndsWithEitherSide) {
  Connection connection = Connect();
  EXPECT_EQ(host->inside(), 1);
  const Connection admin(PQconnectdb(postgres->conninfo().c_str()));
  Ask(admin, "SELECT pg_terminate_backend(" + Ask(connection, "SELECT pg_backend_pid()") + ")");
  EXPECT_NE(Ask(connection, "SELECT 1").find("terminating connection due to administrator"),
            std::string::npos);
  connection.reset();
  AwaitTrue([] { return host->inside() == 0; });
  Connection other = Connect();
  const std::string pid = Ask(other, "SELECT pg_backend_pid()");
  ::close(PQsocket(other.get()));
  AwaitTrue([&] {
    return Ask(admin, "SELECT count(*) FROM pg_stat_activity WHERE pid = " + pid) == "0";
  });
}

TEST_F(ProxyTest, AnswersWhenItStops) {
  const Connection connection = Connect();
  EXPECT_EQ(Ask(connection, "SELECT 1"), "1");
  proxy_->Stop();
  const std::string told = Ask(connection, "SELECT 1");
  EXPECT_TRUE(told.starts_with("FATAL:  terminating connection due to administrator command\n"))
      << told;
  EXPECT_EQ(host->inside(), 0);
}

TEST_F(ProxyTest, EndsSessionsOutsideOfTheirTransactions) {
  for (const char* how : {"sslmode=disable", "sslmode=require"}) {
    const std::string info = "user=postgres@dev password=secret " + std::string(how);
    const Connection idle = Connect(info);
    const Connection busy = Connect(info);
    const Connection open = Connect(info);
    EXPECT_EQ(Ask(open, "BEGIN"), "BEGIN");
    // Runs until its lock is released.
    EXPECT_EQ(Ask(open, "SELECT pg_advisory_xact_lock(1)"), "");
    ASSERT_EQ(PQsendQuery(busy.get(), "SELECT pg_advisory_lock(1); SELECT 'done'"), 1);
    AwaitTrue([&] { return Ask(open, "SELECT count(*) FROM pg_locks WHERE NOT granted") == "1"; });
    EXPECT_FALSE(proxy_->Drain(MonotonicNow()));
    AwaitTrue([] { return host->inside() == 2; });
    const std::string told = Ask(idle, "SELECT 1");
    EXPECT_TRUE(told.starts_with("FATAL:  terminating connection due to administrator command\n"))
        << told;
    EXPECT_NE(Refusal(info), "");
    EXPECT_EQ(Ask(open, "SELECT 1"), "1");
    EXPECT_EQ(Ask(open, "COMMIT"), "COMMIT");
    std::string last;
    while (const auto result = std::unique_ptr<PGresult, Closer>(PQgetResult(busy.get()))) {
      if (PQresultStatus(result.get()) == PGRES_TUPLES_OK) last = PQgetvalue(result.get(), 0, 0);
    }
    EXPECT_EQ(last, "done");
    EXPECT_TRUE(proxy_->Drain(MonotonicNow() + 60 * kNanosPerSecond));
    EXPECT_EQ(host->inside(), 0);
    EXPECT_FALSE(proxy_->Listen(rpc::ListenSocket::Open("127.0.0.1:0").value(), {}));
    proxy_.reset();
    Serve({});
  }
}

TEST_F(ProxyTest, EndsWhoWaitsForABranch) {
  host->TakeLong(600 * kNanosPerSecond);
  const Connection connection(
      PQconnectStart(ConnInfo("user=postgres@slow password=secret dbname=postgres").c_str()));
  const Connection stranger(PQconnectStart(ConnInfo("user=postgres@slow").c_str()));
  AwaitTrue([&] {
    PQconnectPoll(connection.get());
    return host->waiting() == 1;
  });
  EXPECT_TRUE(proxy_->Drain(MonotonicNow() + 60 * kNanosPerSecond));
  AwaitTrue([&] { return PQconnectPoll(connection.get()) == PGRES_POLLING_FAILED; });
  const std::string told = PQerrorMessage(connection.get());
  EXPECT_NE(told.find("FATAL:  the database system is shutting down"), std::string::npos) << told;
}

TEST_F(ProxyTest, WhoComesBeforeTheGateOpensWaitsOrIsToldWhy) {
  proxy_->CloseGate();
  AskToEnter().reset();
  AwaitTrue([&] { return proxy_->counters().connections == 0; });
  const Connection early = AskToEnter();
  proxy_->OpenGate();
  AwaitTrue([&] { return PQconnectPoll(early.get()) == PGRES_POLLING_OK; });
  EXPECT_EQ(Ask(early, "SELECT 1"), "1");

  proxy_->TurnAway(Refuse(branching::Refusal::kNotServing, "SOURCE_RUNNING"));
  for (const std::string how : {"sslmode=disable", "sslmode=require"}) {
    const std::string told = Refusal("user=nobody@dev password=x " + how);
    EXPECT_NE(told.find("FATAL:  there is nothing yet that branches could begin with "
                        "(SOURCE_RUNNING)\nHINT:  "),
              std::string::npos)
        << told;
  }
  EXPECT_EQ(PQping(ConnInfo("").c_str()), PQPING_REJECT);
  EXPECT_EQ(Ask(early, "SELECT 1"), "1");
  proxy_->OpenGate();
  EXPECT_EQ(Refusal("user=postgres@dev password=secret"), "");
}

TEST_F(ProxyTest, BeforeTheGateOpensNobodyWaitsForEver) {
  proxy_.reset();
  Serve({.hold_timeout = 100 * kNanosPerMilli});
  proxy_->CloseGate();
  const std::string late = Refusal("user=postgres@dev password=secret");
  EXPECT_NE(late.find("FATAL:  the database system is starting up\n"), std::string::npos) << late;
  proxy_.reset();
  Serve({});
  proxy_->CloseGate();
  const Connection waits = AskToEnter();
  EXPECT_TRUE(proxy_->Drain(MonotonicNow() + 60 * kNanosPerSecond));
  AwaitTrue([&] { return PQconnectPoll(waits.get()) == PGRES_POLLING_FAILED; });
  const std::string told = PQerrorMessage(waits.get());
  EXPECT_NE(told.find("FATAL:  the database system is shutting down"), std::string::npos) << told;
}

TEST_F(ProxyTest, HoldsTheClientUntilTheBranchIsThere) {
  host->TakeLong(1500 * kNanosPerMilli);
  std::vector<std::string> notices;
  const Connection connection(
      PQconnectStart(ConnInfo("user=postgres@slow password=secret dbname=postgres").c_str()));
  PQsetNoticeProcessor(
      connection.get(),
      [](void* list, const char* text) {
        static_cast<std::vector<std::string>*>(list)->emplace_back(text);
      },
      &notices);
  for (auto step = PQconnectPoll(connection.get());
       step != PGRES_POLLING_OK && step != PGRES_POLLING_FAILED;
       step = PQconnectPoll(connection.get())) {
  }
  EXPECT_EQ(Ask(connection, "SELECT 1"), "1");
  ASSERT_EQ(notices.size(), 2u);
  EXPECT_EQ(notices[0], "NOTICE:  waiting for branch \"slow\"\n");
  EXPECT_EQ(notices[1], "NOTICE:  created slow\n");
}

TEST_F(ProxyTest, LetsAClientGoThatWaitsNoMore) {
  host->TakeLong(600 * kNanosPerSecond);
  const int left = host->left();
  Connection connection(
      PQconnectStart(ConnInfo("user=postgres@slow password=secret dbname=postgres").c_str()));
  AwaitTrue([&] {
    PQconnectPoll(connection.get());
    return host->waiting() == 1;
  });
  connection.reset();
  AwaitTrue([&] { return host->left() == left + 1; });
}

TEST_F(ProxyTest, SaysWhenTheBranchTakesTooLong) {
  proxy_.reset();
  host->TakeLong(600 * kNanosPerSecond);
  Serve({.hold_timeout = 100 * kNanosPerMilli});
  const std::string told = Refusal("user=postgres@slow password=secret");
  EXPECT_NE(told.find("FATAL:  branch \"slow\" is still being made\nHINT:  "), std::string::npos)
      << told;
}

TEST_F(ProxyTest, TakesNoMoreClientsThanItMay) {
  proxy_.reset();
  Serve({.max_connections = 1});
  const Connection connection = Connect();
  EXPECT_EQ(Ask(connection, "SELECT 1"), "1");
  EXPECT_NE(Refusal("user=postgres@dev password=secret").find("FATAL"), std::string::npos);
}

int OpenSocket(const std::string& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

TEST_F(ProxyTest, GivesUpStrangersForOthers) {
  proxy_.reset();
  Serve({.max_strangers = 10});
  std::vector<int> strangers;
  for (int i = 0; i < 200; ++i) strangers.push_back(OpenSocket(port_));
  AwaitTrue([&] { return proxy_->counters().connections.load() <= 20; });
  const Connection connection = Connect();
  EXPECT_EQ(Ask(connection, "SELECT 1"), "1");
  for (const int fd : strangers) ::close(fd);
}

}  // namespace
}  // namespace prism::branching

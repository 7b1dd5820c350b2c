// Against a real Redis server, with a gate between that breaks on purpose.
#include "backends/redis/redis_connection.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <csignal>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/driver/lanes.h"
#include "backends/driver/testing/tcp_gate.h"
#include "backends/redis/testing/redis_server.h"
#include "rpc/testing/certificates.h"
#include "runtime/sync_wait.h"

namespace prism::backends {
namespace {

using runtime::Shard;
using runtime::Task;
using testing::RedisServer;
using testing::TcpGate;

constexpr MonoNanos kLong = 30 * kNanosPerSecond;

std::string_view Metadata(const Error& error, std::string_view key) {
  for (const auto& [name, value] : error.metadata()) {
    if (name == key) return value;
  }
  return {};
}

RedisCredentialSource Anybody() {
  return [] { return RedisCredentials(); };
}

// A connection on a shard of its own, asked from the thread of the test.
class Client {
 public:
  explicit Client(RedisOptions options, RedisCredentialSource credentials = Anybody())
      : options_(std::move(options)) {
    EXPECT_TRUE(shard_.Start());
    OnShard([this, &credentials] {
      connection_ = std::make_unique<RedisConnection>(shard_, pool_, options_,
                                                      std::move(credentials), counters_);
    });
  }
  explicit Client(rpc::ClientTarget target) : Client(RedisOptions{.target = std::move(target)}) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() {
    runtime::RunOn(shard_, [this] { return connection_->Stop(); });
    OnShard([this] { connection_.reset(); });
    pool_.Stop();
  }

  // The text of the reply, "(nil)", "OK" or a number.
  Result<std::string> Ask(std::vector<std::string> words, MonoNanos within = kLong) {
    return runtime::RunOn(shard_, [&] { return AskOne(connection_.get(), &words, within); });
  }
  template <class F>
  auto Run(F work) {
    return runtime::RunOn(shard_, std::move(work));
  }
  template <class F>
  void OnShard(F work) {
    runtime::RunOn(shard_, [&work] {
      work();
      return []() -> Task<void> { co_return; }();
    });
  }

  RedisConnection& connection() { return *connection_; }
  Shard& shard() { return shard_; }
  DriverCounts Counts() const {
    DriverCounts counts;
    counters_.AddTo(counts);
    return counts;
  }

 private:
  class Text final : public ReplySink {
   public:
    bool Take(const ReplyPart& part) override {
      switch (part.kind) {
        case ReplyPart::Kind::kNil:
          text += "(nil)";
          break;
        case ReplyPart::Kind::kInteger:
          text += std::to_string(part.number);
          break;
        case ReplyPart::Kind::kArray:
          break;
        default:
          text += part.text;
      }
      return true;
    }
    std::string text;
  };

  static Task<Result<std::string>> AskOne(RedisConnection* connection,
                                          const std::vector<std::string>* words, MonoNanos within) {
    std::vector<RespArgument> command;
    for (const std::string& word : *words) command.push_back({word});
    Text text;
    Status asked = co_await connection->Call(command, text, MonotonicNow() + within, nullptr);
    CO_TRY(std::move(asked));
    co_return text.text;
  }

  RedisOptions options_;
  runtime::BlockingPool pool_{1, 16};
  DriverCounters counters_;
  Shard shard_{0};
  std::unique_ptr<RedisConnection> connection_;
};

// Asks until the server answers; how long that took.
MonoNanos AskUntilAnswered(Client& client) {
  const MonoNanos begin = MonotonicNow();
  while (!client.Ask({"PING"})) {
    EXPECT_LT(MonotonicNow() - begin, kLong);
    if (MonotonicNow() - begin > kLong) break;
  }
  return MonotonicNow() - begin;
}

TEST(RedisConnection, AsksAndIsAnswered) {
  RedisServer server;
  for (const auto& target : {server.target(), server.socket()}) {
    Client client(target);
    const std::string binary("\0\r\n\xff value", 10);
    EXPECT_EQ(client.Ask({"SET", "key", binary}).value(), "OK");
    EXPECT_EQ(client.Ask({"GET", "key"}).value(), binary);
    EXPECT_EQ(client.Ask({"GET", "absent"}).value(), "(nil)");
    EXPECT_EQ(client.Ask({"INCR", "n"}).value(), target.is_unix() ? "2" : "1");
    EXPECT_EQ(client.Ask({"MGET", "key", "absent"}).value(), binary + "(nil)");
    const auto wrong = client.Ask({"LPUSH", "key", "x"});
    EXPECT_EQ(wrong.error().reason(), "FOREIGN_TYPE");
    EXPECT_EQ(client.Ask({"CLIENT", "GETNAME"}).value(), "prism");
    client.OnShard([&client] { EXPECT_TRUE(client.connection().health().up()); });
  }
}

TEST(RedisConnection, CarriesLargeValues) {
  RedisServer server;
  Client client(server.target());
  const std::string large(std::size_t{20} << 20, 'x');
  EXPECT_EQ(client.Ask({"SET", "large", large}).value(), "OK");
  EXPECT_TRUE(client.Ask({"GET", "large"}).value() == large);
}

TEST(RedisConnection, FindsNamesAndDatabases) {
  RedisServer server;
  Client client(RedisOptions{.target = {.host = "localhost", .port = server.port()},
                             .database = 3,
                             .client_name = "shop"});
  EXPECT_EQ(client.Ask({"SET", "key", "of three"}).value(), "OK");
  EXPECT_EQ(client.Ask({"CLIENT", "GETNAME"}).value(), "shop");
  Client zero(server.target());
  EXPECT_EQ(zero.Ask({"GET", "key"}).value(), "(nil)");
  Client missing(RedisOptions{.target = server.target(), .database = 99});
  EXPECT_EQ(missing.Ask({"GET", "key"}).error().reason(), "BACKEND_DATABASE_UNKNOWN");
  Client nowhere(rpc::ClientTarget{.host = "no-such-host.invalid", .port = 6379});
  const auto lost = nowhere.Ask({"PING"});
  EXPECT_EQ(Metadata(lost.error(), "cause"), "BACKEND_UNREACHABLE") << lost.error().ToString();
}

TEST(RedisConnection, SpeaksTls) {
  rpc::testing::Certificates certificates;
  certificates.Make("server", "DNS:localhost,IP:127.0.0.1");
  RedisServer server({"--tls-port", "0", "--tls-cert-file", certificates.File("server.pem"),
                      "--tls-key-file", certificates.File("server.key"), "--tls-ca-cert-file",
                      certificates.File("ca.pem"), "--tls-auth-clients", "no"});
  Client plain(server.target());
  // Its plain port becomes the one for TLS.
  ASSERT_EQ(plain.Ask({"CONFIG", "SET", "port", "0", "tls-port", fmt::format("{}", server.port())})
                .value(),
            "OK");
  Client client(RedisOptions{.target = server.target(),
                             .tls = rpc::ClientTlsOptions{.ca_file = certificates.File("ca.pem")}});
  const std::string large(std::size_t{3} << 20, 'x');
  EXPECT_EQ(client.Ask({"SET", "large", large}).value(), "OK");
  EXPECT_TRUE(client.Ask({"GET", "large"}).value() == large);
  Client stranger(RedisOptions{.target = server.target(), .tls = rpc::ClientTlsOptions{}});
  const auto refused = stranger.Ask({"PING"});
  EXPECT_EQ(Metadata(refused.error(), "cause"), "TLS_HANDSHAKE_FAILED");
  Client clear(RedisOptions{.target = server.target(), .connect_timeout = kNanosPerSecond / 4});
  EXPECT_EQ(clear.Ask({"PING"}).error().reason(), "BACKEND_UNAVAILABLE");
}

TEST(RedisConnection, LogsInAndReadsCredentialsAgainWhenRefused) {
  RedisServer server({"--requirepass", "first", "--user", "shop", "on", ">first", "~*", "+@all"});
  std::atomic<bool> rotated = false;
  std::atomic<int> reads = 0;
  const auto source = [&rotated, &reads]() -> Result<RedisCredentials> {
    ++reads;
    return RedisCredentials{"shop", rotated ? "second" : "first"};
  };
  Client client(RedisOptions{.target = server.target()}, source);
  EXPECT_EQ(client.Ask({"ACL", "WHOAMI"}).value(), "shop");
  EXPECT_EQ(reads, 1);
  ASSERT_EQ(client.Ask({"ACL", "SETUSER", "shop", "resetpass", ">second"}).value(), "OK");
  rotated = true;
  (void)client.Ask({"CLIENT", "KILL", "USER", "shop", "SKIPME", "no"});
  AskUntilAnswered(client);
  EXPECT_EQ(client.Ask({"ACL", "WHOAMI"}).value(), "shop");
  EXPECT_EQ(reads, 2);

  for (const RedisCredentials& wrong :
       {RedisCredentials{"shop", "wrong"}, RedisCredentials{"", "wrong"}, RedisCredentials{}}) {
    Client stranger(RedisOptions{.target = server.target()}, [wrong] { return wrong; });
    const auto refused = stranger.Ask({"PING"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason(), "BACKEND_LOGIN_REFUSED");
    EXPECT_EQ(Metadata(refused.error(), "executed"), "no");
    EXPECT_EQ(refused.error().ToString().find("wrong"), std::string::npos);
  }
  Client unreadable(RedisOptions{.target = server.target()}, []() -> Result<RedisCredentials> {
    return std::unexpected(Error(Code::kFailedPrecondition, "SECRET_MISSING", "no such file"));
  });
  EXPECT_EQ(unreadable.Ask({"PING"}).error().reason(), "SECRET_MISSING");
}

TEST(RedisConnection, AUserWithFewRightsMaySayWhatItMay) {
  RedisServer server({"--user", "shop", "on", ">pass", "~shop:*", "-@all", "+get", "+set"});
  Client client(RedisOptions{.target = server.target()},
                [] { return RedisCredentials{"shop", "pass"}; });
  EXPECT_EQ(client.Ask({"SET", "shop:a", "1"}).value(), "OK");
  EXPECT_EQ(client.Ask({"SET", "other", "1"}).error().reason(), "BACKEND_PERMISSION_DENIED");
  EXPECT_EQ(client.Ask({"DEL", "shop:a"}).error().reason(), "BACKEND_PERMISSION_DENIED");
}

TEST(RedisConnection, SaysWhenTheServerHasTooManyConnections) {
  RedisServer server;
  Client client(server.target());
  Client admin(server.target());
  ASSERT_TRUE(client.Ask({"PING"}));
  ASSERT_EQ(admin.Ask({"CONFIG", "SET", "maxclients", "2"}).value(), "OK");
  Client late(server.target());
  const auto full = late.Ask({"PING"});
  EXPECT_EQ(Metadata(full.error(), "cause"), "BACKEND_CONNECTIONS_EXHAUSTED")
      << full.error().ToString();
}

TEST(RedisConnection, IsBackWithinASecondAfterTheServer) {
  RedisServer server;
  Client client(server.target());
  ASSERT_TRUE(client.Ask({"PING"}));
  for (int round = 0; round < 3; ++round) {
    server.Kill();
    const MonoNanos begin = MonotonicNow();
    const auto down = client.Ask({"PING"});
    ASSERT_FALSE(down);
    EXPECT_EQ(down.error().reason(), "BACKEND_UNAVAILABLE") << down.error().ToString();
    EXPECT_LT(MonotonicNow() - begin, 5 * kNanosPerSecond);
    client.OnShard([&client] { EXPECT_FALSE(client.connection().health().up()); });
    server.Start();
    EXPECT_LT(AskUntilAnswered(client), kNanosPerSecond);
  }
  const DriverCounts counts = client.Counts();
  EXPECT_EQ(counts.open, 1U);
  EXPECT_EQ(counts.connects, 4U);
  EXPECT_GE(counts.failed_connects, 3U);
}

TEST(RedisConnection, AServerThatHangsIsWaitedForUntilTheDeadlineAndThenGivenUp) {
  RedisServer server;
  Client client(RedisOptions{.target = server.target(),
                             .connect_timeout = kNanosPerSecond / 5,
                             .silence_timeout = 600 * kNanosPerMilli});
  ASSERT_TRUE(client.Ask({"PING"}));
  server.Signal(SIGSTOP);
  const MonoNanos begin = MonotonicNow();
  const auto late = client.Ask({"INCR", "n"}, 200 * kNanosPerMilli);
  EXPECT_EQ(late.error().reason(), "DEADLINE_EXCEEDED");
  EXPECT_EQ(Metadata(late.error(), "executed"), "maybe");
  EXPECT_LT(MonotonicNow() - begin, 300 * kNanosPerMilli + kNanosPerSecond / 2);
  EXPECT_EQ(client.Counts().connects, 1U) << "a deadline alone is no reason to leave";
  const auto silent = client.Ask({"PING"});
  EXPECT_EQ(Metadata(silent.error(), "cause"), "BACKEND_SILENT") << silent.error().ToString();
  server.Signal(SIGCONT);
  EXPECT_LT(AskUntilAnswered(client), kNanosPerSecond);
}

TEST(RedisConnection, AfterADeadlineTheConnectionGoesOn) {
  RedisServer server;
  TcpGate gate(server.target());
  Client client(gate.target());
  ASSERT_EQ(client.Ask({"SET", "a", "1"}).value(), "OK");
  gate.Stall();
  EXPECT_EQ(client.Ask({"ECHO", "first"}, 50 * kNanosPerMilli).error().reason(),
            "DEADLINE_EXCEEDED");
  gate.Pass();
  EXPECT_EQ(client.Ask({"ECHO", "second"}).value(), "second");
  EXPECT_EQ(gate.accepted(), 1);
}

TEST(RedisConnection, SaysWhyNobodyIsLetIn) {
  RedisServer server({"--rename-command", "CLIENT", ""});
  Client renamed(server.target());
  EXPECT_EQ(renamed.Ask({"PING"}).error().reason(), "BACKEND_VERSION_UNSUPPORTED");
  TcpGate gate(server.target());
  gate.Refuse();
  Client refused(gate.target());
  EXPECT_EQ(refused.Ask({"PING"}).error().reason(), "BACKEND_UNAVAILABLE");
}

TEST(RedisConnection, TakesNoMoreThanMayWait) {
  RedisServer server;
  TcpGate gate(server.target());
  RedisOptions options{.target = gate.target()};
  options.limits.in_flight = 2;
  options.limits.waiting = 0;
  Client client(options);
  EXPECT_EQ(client.Ask({"PING"}).error().reason(), "BACKEND_OVERLOADED");
}

TEST(RedisConnection, StopEndsWhatWaits) {
  RedisServer server;
  TcpGate gate(server.target());
  gate.Stall();
  Client client(gate.target());
  runtime::RunOn(client.shard(), [&client] {
    struct Local {
      static Task<void> Ask(RedisConnection* connection, bool* stopped) {
        const std::array<RespArgument, 1> ping = {RespArgument{"PING"}};
        IgnoredReply ignored;
        const Status asked =
            co_await connection->Call(ping, ignored, MonotonicNow() + kLong, nullptr);
        *stopped = !asked && asked.error().reason() == "SHUTTING_DOWN";
      }
      static Task<void> Run(RedisConnection* connection) {
        runtime::TaskGroup group;
        bool stopped = false;
        group.Spawn(Ask(connection, &stopped));
        co_await connection->Stop();
        co_await group.Join();
        EXPECT_TRUE(stopped);
      }
    };
    return Local::Run(&client.connection());
  });
  EXPECT_EQ(client.Ask({"PING"}).error().reason(), "SHUTTING_DOWN");
}

TEST(RedisConnection, RealServersRefuseAsIsExpected) {
  RedisServer cluster({"--cluster-enabled", "yes"});
  Client in_cluster(cluster.target());
  EXPECT_EQ(in_cluster.Ask({"GET", "key"}).error().reason(), "BACKEND_CLUSTER_UNSUPPORTED");
  Client selecting(RedisOptions{.target = cluster.target(), .database = 1});
  EXPECT_EQ(selecting.Ask({"GET", "key"}).error().reason(), "BACKEND_CLUSTER_UNSUPPORTED");

  RedisServer server;
  Client client(server.target());
  const std::string unknown(40, 'a');
  EXPECT_EQ(client.Ask({"EVALSHA", unknown, "0"}).error().reason(), "BACKEND_SCRIPT_MISSING");
  EXPECT_EQ(client.Ask({"NOSUCH"}).error().reason(), "BACKEND_VERSION_UNSUPPORTED");
  ASSERT_EQ(client.Ask({"SET", "word", "x"}).value(), "OK");
  EXPECT_EQ(client.Ask({"INCR", "word"}).error().reason(), "FOREIGN_VALUE");
  ASSERT_EQ(client.Ask({"CONFIG", "SET", "min-replicas-to-write", "1"}).value(), "OK");
  EXPECT_EQ(client.Ask({"SET", "a", "x"}).error().reason(), "BACKEND_REPLICAS_MISSING");
  ASSERT_EQ(client.Ask({"CONFIG", "SET", "min-replicas-to-write", "0"}).value(), "OK");
  ASSERT_EQ(client.Ask({"CONFIG", "SET", "maxmemory", "1"}).value(), "OK");
  EXPECT_EQ(client.Ask({"SET", "a", "x"}).error().reason(), "BACKEND_FULL");
  ASSERT_EQ(client.Ask({"CONFIG", "SET", "maxmemory", "0"}).value(), "OK");
  ASSERT_EQ(client.Ask({"REPLICAOF", "127.0.0.1", "1"}).value(), "OK");
  EXPECT_EQ(client.Ask({"SET", "a", "x"}).error().reason(), "BACKEND_READ_ONLY");
  ASSERT_EQ(client.Ask({"CONFIG", "SET", "replica-serve-stale-data", "no"}).value(), "OK");
  EXPECT_EQ(client.Ask({"GET", "a"}).error().reason(), "BACKEND_PRIMARY_DOWN");
  EXPECT_EQ(client.Counts().connects, 1U) << "an error ends its request alone";
}

TEST(RedisConnection, AReplyLargerThanItsLimitEndsTheConnection) {
  RedisServer server;
  RedisOptions options{.target = server.target()};
  options.limits.reply.max_bytes = 1000;
  Client client(options);
  ASSERT_EQ(client.Ask({"SET", "large", std::string(1001, 'x')}).value(), "OK");
  const auto large = client.Ask({"GET", "large"});
  EXPECT_EQ(Metadata(large.error(), "cause"), "BACKEND_PROTOCOL") << large.error().ToString();
  EXPECT_EQ(client.Ask({"ECHO", "next"}).value(), "next");
}

// --- shards that share a connection ---

struct EchoCall {
  std::string text;
  std::string got = {};

  Task<Status> operator()(RedisConnection& lane, runtime::CancelSource* cancel) {
    return Echo(&lane, this, cancel);
  }
  static Task<Status> Echo(RedisConnection* lane, EchoCall* call, runtime::CancelSource* cancel) {
    const std::array<RespArgument, 2> command = {RespArgument{"ECHO"}, RespArgument{call->text}};
    BytesReply reply(call->got);
    co_return co_await lane->Call(command, reply, MonotonicNow() + kLong, cancel);
  }
};

using RedisLanes = Lanes<RedisConnection>;

Task<int> EchoOverLanes(RedisLanes* lanes, int rounds) {
  int right = 0;
  for (int round = 0; round < rounds; ++round) {
    EchoCall call{.text = fmt::format("{}/{}", Shard::Current()->id(), round)};
    runtime::CancelSource cancel;
    const Status asked = co_await lanes->Run(&call, &cancel);
    right += asked && call.got == call.text ? 1 : 0;
  }
  co_return right;
}

TEST(RedisConnection, IsSharedByShardsWhenThereAreFewerThanThose) {
  RedisServer server;
  const RedisOptions options{.target = server.target()};
  runtime::BlockingPool pool(1, 16);
  runtime::ShardPool shards(3);
  ASSERT_TRUE(shards.Start());
  for (const int connections : {1, 2, 3}) {
    RedisLanes lanes(shards, connections, [&](Shard& shard, DriverCounters& counters) {
      return std::make_unique<RedisConnection>(shard, pool, options, Anybody(), counters);
    });
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(runtime::RunOn(shards.at(i), [&lanes] { return EchoOverLanes(&lanes, 20); }), 20);
    }
    EXPECT_EQ(lanes.Counts().open, static_cast<std::uint64_t>(connections));
    EXPECT_TRUE(lanes.Health().up());
    lanes.Stop();
    EXPECT_EQ(lanes.Counts().open, 0U);
  }
  pool.Stop();
}

// --- thousands of requests, while the gate breaks ---

struct Tally {
  int answered = 0;
  int failed = 0;
  int unlike = 0;
};

Task<void> EchoOnce(RedisConnection* connection, Tally* tally, std::string text, MonoNanos within,
                    runtime::CancelSource* cancel) {
  const std::array<RespArgument, 2> command = {RespArgument{"ECHO"}, RespArgument{text}};
  std::string got;
  BytesReply reply(got);
  const Status asked = co_await connection->Call(command, reply, MonotonicNow() + within, cancel);
  if (!asked) {
    ++tally->failed;
  } else if (got == text) {
    ++tally->answered;
  } else {
    ++tally->unlike;
  }
}

// One of many that ask at once: some give up at once, some soon, some wait.
Task<void> Asker(Shard* shard, RedisConnection* connection, Tally* tally, unsigned seed,
                 int rounds) {
  std::minstd_rand random(seed * 7919 + 1);
  for (int round = 0; round < rounds; ++round) {
    std::string text = fmt::format("{}/{}/", seed, round);
    if (random() % 50 == 0) text.append(random() % 20'000, 'x');
    runtime::CancelSource cancel;
    runtime::TaskGroup group;
    const unsigned kind = random() % 10;
    const MonoNanos within = kind == 0 ? kNanosPerMilli : 10 * kNanosPerSecond;
    group.Spawn(EchoOnce(connection, tally, std::move(text), within, &cancel));
    if (kind == 1) cancel.Cancel(runtime::CancelReason::kClientGone);
    if (kind == 2) {
      const MonoNanos soon = MonotonicNow() + static_cast<MonoNanos>(random() % kNanosPerMilli);
      (void)co_await runtime::SleepUntil(*shard, soon, nullptr);
      cancel.Cancel(runtime::CancelReason::kClientGone);
    }
    co_await group.Join();
  }
}

Task<void> AskALot(Shard* shard, RedisConnection* connection, Tally* tally, int askers, int rounds,
                   std::atomic<bool>* done) {
  runtime::TaskGroup group;
  for (int i = 0; i < askers; ++i) {
    group.Spawn(Asker(shard, connection, tally, static_cast<unsigned>(i), rounds));
  }
  co_await group.Join();
  *done = true;
}

TEST(RedisConnection, NoReplyEverGoesToAnotherRequestWhateverBreaks) {
  RedisServer server;
  TcpGate gate(server.target());
  RedisOptions options{.target = gate.target()};
  options.limits.in_flight = 64;
  Client client(options);
  Tally tally;
  std::atomic<bool> done = false;
  runtime::TaskGroup group;
  client.OnShard([&] {
    group.Spawn(AskALot(&client.shard(), &client.connection(), &tally, 100, 100, &done));
  });
  std::minstd_rand random(1);
  while (!done) {
    switch (random() % 4) {
      case 0:
        gate.CutReplyAfter(random() % 3000);
        break;
      case 1:
        gate.CutRequestAfter(random() % 3000);
        break;
      case 2:
        gate.CutAll();
        break;
      default:
        gate.Delay(kNanosPerMilli);
    }
    // Each of these is answered or fails, so the gate changes while there is traffic.
    for (int i = 0; i < 5; ++i) (void)client.Ask({"PING"}, kNanosPerSecond);
    gate.Pass();
    (void)client.Ask({"PING"}, kNanosPerSecond);
  }
  client.Run([&group]() {
    return [](runtime::TaskGroup* all) -> Task<void> { co_await all->Join(); }(&group);
  });
  EXPECT_EQ(tally.unlike, 0);
  EXPECT_GT(tally.answered, 1000);
  EXPECT_GT(tally.failed, 100);
  EXPECT_EQ(tally.answered + tally.failed, 10'000);
  EXPECT_GT(gate.accepted(), 5);
  EXPECT_EQ(client.Counts().in_flight(), 0U);
}

}  // namespace
}  // namespace prism::backends

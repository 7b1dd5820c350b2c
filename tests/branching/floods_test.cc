// Thousands of strangers at the proxy, and the users who want to work meanwhile.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/testing/rounds.h"
#include "branching/pgwire/messages.h"
#include "branching/pgwire/testing/startup_packet.h"
#include "branching/proxy/proxy.h"
#include "rpc/testing/certificates.h"
#include "runtime/shard.h"
#include "tests/branching/raw_client.h"
#include "tests/branching/running_host.h"
#include "tests/floods/attack.h"
#include "tests/floods/process_memory.h"
#include "tests/servers/postgres.h"

namespace prism::branching {
namespace {

using floods::Attack;
using floods::Attacker;
using floods::Outcome;
using prism::testing::PostgresServer;

constexpr std::uint32_t kSsl = 80877103;
constexpr std::uint32_t kVersion30 = 196608;
constexpr double kLongestWait = 50;  // milliseconds, p99
constexpr int kTries = 3;            // neighbours on the machine come and go

double Quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

template <class F>
double Milliseconds(const F& work) {
  const MonoNanos start = MonotonicNow();
  work();
  return static_cast<double>(MonotonicNow() - start) / kNanosPerMilli;
}

// Users at work: some ask all the time over a connection that they keep, one logs in again and
// again.
class Users {
 public:
  struct Report {
    std::vector<double> queries;  // milliseconds
    std::vector<double> logins;
    int entered = 0;  // logged in and let in
    int failures = 0;
  };

  explicit Users(const std::string& port)
      : conninfo_("host=127.0.0.1 port=" + port +
                  " user=postgres@dev password=secret dbname=postgres sslmode=disable") {
    asker_ = std::thread([this] { Ask(); });
    visitor_ = std::thread([this] { Visit(); });
  }
  Users(const Users&) = delete;
  Users& operator=(const Users&) = delete;
  ~Users() { Stop(); }

  Report Stop() {
    stopping_ = true;
    if (asker_.joinable()) asker_.join();
    if (visitor_.joinable()) visitor_.join();
    return {.queries = queries_, .logins = logins_, .entered = entered_, .failures = failures_};
  }

 private:
  static constexpr useconds_t kPause = 5000;

  PGconn* LogIn() {
    PGconn* connection = PQconnectdb(conninfo_.c_str());
    if (PQstatus(connection) == CONNECTION_OK) {
      ++entered_;
    } else {
      ++failures_;
      fmt::print("a user was turned away: {}", PQerrorMessage(connection));
    }
    return connection;
  }
  void Ask() {
    PGconn* connection = LogIn();
    while (!stopping_) {
      queries_.push_back(Milliseconds([&] {
        PGresult* result = PQexec(connection, "SELECT 1");
        if (PQresultStatus(result) != PGRES_TUPLES_OK) ++failures_;
        PQclear(result);
      }));
      ::usleep(kPause);  // lint-allow(sleep): the pace of a user
    }
    PQfinish(connection);
  }
  void Visit() {
    while (!stopping_) {
      logins_.push_back(Milliseconds([&] { PQfinish(LogIn()); }));
      ::usleep(kPause);  // lint-allow(sleep): the pace of a user
    }
  }

  const std::string conninfo_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> entered_ = 0;
  std::atomic<int> failures_ = 0;
  std::vector<double> queries_;
  std::vector<double> logins_;
  std::thread asker_;
  std::thread visitor_;
};

class BranchFloodsStress : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    postgres = std::make_unique<PostgresServer>();
    host = std::make_unique<testing::RunningHost>(postgres->conninfo(), postgres->socket_path());
    files = std::make_unique<rpc::testing::Certificates>();
    files->Make("server", "IP:127.0.0.1");
  }
  static void TearDownTestSuite() {
    files.reset();
    host.reset();
    postgres.reset();
  }

  void SetUp() override {
    ASSERT_TRUE(shards_.Start());
    proxy_ = std::make_unique<Proxy>(shards_, *host, clock_, logger_, ProxyNaming{}, ProxyLimits{});
    auto context = rpc::TlsContext::Load({.certificate = files->File("server.pem"),
                                          .key = files->File("server.key"),
                                          .client_ca = {},
                                          .protocols = {"postgresql"}});
    auto address = proxy_->Listen(rpc::ListenSocket::Open("127.0.0.1:0").value(),
                                  {.tls = MakeProxyTls(context.value())});
    address_ = address.value();
  }
  void TearDown() override {
    proxy_.reset();
    shards_.Stop();
  }
  std::string port() const { return address_.substr(address_.rfind(':') + 1); }

  Users::Report Watch(std::chrono::milliseconds time) const {
    Users users(port());
    std::this_thread::sleep_for(time);  // lint-allow(sleep): how long is measured
    return users.Stop();
  }

  // Strangers come once and stay as long as they may.
  void Endure(Attack attack) {
    attack.connections = static_cast<int>(base::Rounds(5'000, 15'000));
    attack.max_attempts = attack.connections;
    attack.duration = std::chrono::seconds(100);  // at most: until all have come and fallen silent
    const Users::Report before = Watch(std::chrono::milliseconds(300));
    const double limit = kLongestWait + 2 * Quantile(before.queries, 0.99);
    for (int attempt = 1; attempt <= kTries; ++attempt) {
      if (Try(attack, limit, attempt == kTries)) return;
    }
  }

  bool Try(const Attack& attack, double limit, bool last) {
    floods::ResetPeak(::getpid());
    const std::uint64_t idle = floods::StatusBytes(::getpid(), "VmRSS:");
    const int asked = host->asked();
    Users users(port());
    floods::Siege siege(address_, attack);
    const Outcome outcome = siege.Run();
    const Users::Report report = users.Stop();
    const std::uint64_t grown = floods::StatusBytes(::getpid(), "VmHWM:") - idle;
    const double wait = Quantile(report.queries, 0.99);
    fmt::print(
        "{}: {}; {} MB; {} queries, p99 {:.1f} ms (limit {:.1f}); {} logins, p99 {:.1f} ms; {} "
        "failures\n",
        attack.name, outcome.Describe(), grown >> 20, report.queries.size(), wait, limit,
        report.logins.size(), Quantile(report.logins, 0.99), report.failures);
    // Of those who asked for a branch each is a user. One may have been given up as his last word
    // came, and was turned away after it.
    EXPECT_GE(host->asked() - asked, report.entered);
    EXPECT_LE(host->asked() - asked, static_cast<int>(report.logins.size()) + 1);
    EXPECT_EQ(outcome.attempts, attack.max_attempts);
    EXPECT_LE(outcome.open, 2 * ProxyLimits{}.max_strangers + kInFlight);
    if (floods::kSanitized) return true;
    EXPECT_LE(grown, floods::AllowedMemory(attack.connections));
    if (report.failures == 0 && wait <= limit) return true;
    EXPECT_FALSE(last) << "users had to wait, or were turned away";
    return false;
  }

  static constexpr int kInFlight = 200;

  static inline std::unique_ptr<PostgresServer> postgres;
  static inline std::unique_ptr<testing::RunningHost> host;
  static inline std::unique_ptr<rpc::testing::Certificates> files;

  runtime::ShardPool shards_{2};
  SystemClock clock_;
  telemetry::Logger logger_{telemetry::LogLevel::kError, telemetry::LogFormat::kText};
  std::unique_ptr<Proxy> proxy_;
  std::string address_;
};

TEST_F(BranchFloodsStress, Silence) {
  Endure({.name = "silent strangers", .script = [](Attacker&, std::string&) {}});
}

TEST_F(BranchFloodsStress, HalfOfATlsHandshake) {
  Endure({.name = "half of a TLS handshake",
          .script =
              [](Attacker& attacker, std::string& out) {
                if (attacker.step == 0) out = testing::StartupPacket(kSsl, "");
                if (attacker.step == 1)
                  out = std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9);
              },
          .pause = std::chrono::milliseconds(50)});
}

TEST_F(BranchFloodsStress, AStartupByteByByte) {
  const std::string packet =
      testing::StartupPacket(kVersion30, testing::StartupBody({"user", "postgres@new"}));
  Endure({.name = "a startup byte by byte",
          .script =
              [packet](Attacker& attacker, std::string& out) {
                const auto step = static_cast<std::size_t>(attacker.step);
                if (step < packet.size()) out = packet.substr(step, 1);
              },
          .pause = std::chrono::milliseconds(100)});
}

TEST_F(BranchFloodsStress, HalfALogin) {
  std::string half =
      testing::StartupPacket(kVersion30, testing::StartupBody({"user", "postgres@new"}));
  AppendSaslInitialResponse(half, "SCRAM-SHA-256", "n,,n=,r=abcdefghijklmnopqrstuvwx");
  Endure({.name = "half a login",
          .script =
              [half](Attacker& attacker, std::string& out) {
                if (attacker.step == 0) out = half;
              },
          .listener = [](Attacker&, std::string_view) {}});
}

// What a login takes that fails: of both in turn, so that whatever else happens weighs on both.
std::pair<double, double> FailingLogins(const std::string& port, int rounds) {
  std::array<std::vector<double>, 2> times;
  const std::array<std::string, 2> users = {"postgres@dev", "nobody12@dev"};
  for (int round = 0; round < 2 * rounds; ++round) {
    const auto which = static_cast<std::size_t>((round + round / 2) % 2);
    testing::RawClient client(port);
    times.at(which).push_back(Milliseconds(
        [&] { EXPECT_THROW((void)client.LogIn(users.at(which), "wrong"), std::runtime_error); }));
  }
  return {Quantile(times[0], 0.5), Quantile(times[1], 0.5)};
}

TEST_F(BranchFloodsStress, AWrongPasswordTakesAsLongAsAWrongName) {
  for (int attempt = 1;; ++attempt) {
    const auto [password, name] = FailingLogins(port(), 200);
    fmt::print("wrong password {:.3f} ms, unknown user {:.3f} ms\n", password, name);
    const double ratio = password / name;
    if (ratio > 0.9 && ratio < 1.1) break;
    ASSERT_LT(attempt, kTries);
  }
}

}  // namespace
}  // namespace prism::branching

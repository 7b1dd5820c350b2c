// Gets from a real Redis server, so many in flight at a time: over our connection on one shard, and
// by a blocking client that writes them at once and reads as many replies, which is the floor. Both
// ask the same server in the same run; CPU is that of this process, the server's apart.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>

#include "backends/redis/redis_connection.h"
#include "backends/redis/testing/redis_server.h"
#include "runtime/sync_wait.h"

namespace prism::backends {
namespace {

using runtime::Task;
using testing::RedisServer;

constexpr int kGets = 50'000;  // in an iteration
constexpr int kKeys = 1000;
constexpr std::size_t kValueBytes = 100;

void Require(bool holds) {
  if (!holds) std::abort();
}

RedisServer& Server() {
  static RedisServer server;
  return server;
}

std::string KeyOf(int number) { return fmt::format("key:{}", number % kKeys); }

// --- the floor ---

class BlockingClient {
 public:
  explicit BlockingClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Require(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    const int on = 1;
    ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

  void Send(const std::string& commands) {
    Require(::send(fd_.get(), commands.data(), commands.size(), 0) ==
            static_cast<ssize_t>(commands.size()));
  }
  // Until as many replies have come.
  void Read(int replies, ReplySink& sink) {
    while (replies > 0) {
      const ssize_t got = ::recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
      Require(got > 0);
      std::string_view bytes(buffer_.data(), static_cast<std::size_t>(got));
      while (!bytes.empty()) {
        const std::string_view piece = bytes.substr(0, ReplyReader::kPiece);
        bytes.remove_prefix(piece.size());
        Require(reader_.Feed(piece).has_value());
        while (reader_.pending() > 0 && reader_.Read(sink).value() == ReplyReader::Outcome::kReply)
          --replies;
      }
    }
  }

 private:
  base::UniqueFd fd_;
  ReplyReader reader_{{}};
  std::array<char, 64 * 1024> buffer_{};
};

// CPU of this process, all threads, in nanoseconds.
double CpuNanos() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e9 + static_cast<double>(used.tv_nsec);
}

void Report(benchmark::State& state, double cpu_before) {
  state.SetItemsProcessed(state.iterations() * kGets);
  state.counters["cpu_ns_per_get"] =
      (CpuNanos() - cpu_before) / (static_cast<double>(state.iterations()) * kGets);
}

void FillServer() {
  BlockingClient client(Server().port());
  const std::string value(kValueBytes, 'v');
  IgnoredReply ignored;
  for (int i = 0; i < kKeys; ++i) {
    const std::string key = KeyOf(i);
    const std::array<RespArgument, 3> set = {RespArgument{"SET"}, RespArgument{key},
                                             RespArgument{value}};
    std::string command;
    AppendRespCommand(command, set);
    client.Send(command);
    client.Read(1, ignored);
  }
}

void DirectGets(benchmark::State& state) {
  FillServer();
  BlockingClient client(Server().port());
  const int depth = static_cast<int>(state.range(0));
  std::string value;
  BytesReply reply(value);
  std::string commands;
  const double cpu_before = CpuNanos();
  for (auto _ : state) {
    for (int sent = 0; sent < kGets; sent += depth) {
      commands.clear();
      for (int i = 0; i < depth; ++i) {
        const std::string key = KeyOf(sent + i);
        const std::array<RespArgument, 2> get = {RespArgument{"GET"}, RespArgument{key}};
        AppendRespCommand(commands, get);
      }
      client.Send(commands);
      value.clear();
      client.Read(depth, reply);
      Require(value.size() == kValueBytes * static_cast<std::size_t>(depth));
    }
  }
  Report(state, cpu_before);
}

// --- our connection ---

Task<void> GetUntil(RedisConnection* connection, runtime::CancelSource* cancel, int* left) {
  while (*left > 0) {
    const std::string key = KeyOf((*left)--);
    const std::array<RespArgument, 2> get = {RespArgument{"GET"}, RespArgument{key}};
    std::string value;
    BytesReply reply(value);
    const Status got =
        co_await connection->Call(get, reply, MonotonicNow() + 10 * kNanosPerSecond, cancel);
    Require(got && value.size() == kValueBytes);
  }
}

Task<void> GetAll(RedisConnection* connection, int depth) {
  runtime::TaskGroup group;
  runtime::CancelSource cancel;
  int left = kGets;
  for (int i = 0; i < depth; ++i) group.Spawn(GetUntil(connection, &cancel, &left));
  co_await group.Join();
}

Task<std::unique_ptr<RedisConnection>> Open(runtime::Shard* shard, runtime::BlockingPool* pool,
                                            const RedisOptions* options, DriverCounters* counters) {
  co_return std::make_unique<RedisConnection>(
      *shard, *pool, *options, [] { return RedisCredentials(); }, *counters);
}

Task<void> Close(std::unique_ptr<RedisConnection>* connection) {
  co_await (*connection)->Stop();
  connection->reset();
}

void ShardGets(benchmark::State& state) {
  FillServer();
  const RedisOptions options{.target = Server().target()};
  runtime::BlockingPool pool(1, 16);
  DriverCounters counters;
  runtime::Shard shard(0);
  Require(shard.Start().has_value());
  auto connection = runtime::RunOn(shard, [&] { return Open(&shard, &pool, &options, &counters); });
  const int depth = static_cast<int>(state.range(0));
  const double cpu_before = CpuNanos();
  for (auto _ : state) {
    runtime::RunOn(shard, [&] { return GetAll(connection.get(), depth); });
  }
  Report(state, cpu_before);
  runtime::RunOn(shard, [&] { return Close(&connection); });
  pool.Stop();
}

BENCHMARK(DirectGets)->Arg(32)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(ShardGets)->Arg(32)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace prism::backends

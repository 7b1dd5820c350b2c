// The PostgreSQL proxy's own part: what a session's bytes and a new connection cost it, sockets and
// TLS apart.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "branching/pgwire/branch_naming.h"
#include "branching/pgwire/cancel_keys.h"
#include "branching/pgwire/session_state.h"
#include "branching/pgwire/startup_parser.h"
#include "branching/pgwire/testing/startup_packet.h"

namespace prism::branching {
namespace {

// One read of the relay.
constexpr std::size_t kRead = 128 * 1024;

// Answers of pgbench -S: a row of one number, in all 66 bytes of four messages.
std::string SmallAnswers() {
  using std::string_literals::operator""s;
  const std::string answer =
      "T\0\0\0\x21\0\1abalance\0\0\0\x40\0\0\3\0\0\0\x17\0\4\xff\xff\xff\xff\0\0"s +
      "D\0\0\0\xb\0\1\0\0\0\1\x30"s + "C\0\0\0\xdSELECT 1\0"s + "Z\0\0\0\5I"s;
  std::string answers;
  while (answers.size() < kRead) answers += answer;
  answers.resize(kRead);
  return answers;
}

// COPY out of rows with `size` bytes.
std::string CopyRows(std::size_t size) {
  std::string row = "d";
  AppendInt32(row, static_cast<std::uint32_t>(4 + size));
  row.append(size, 'x');
  std::string rows;
  while (rows.size() < kRead) rows += row;
  rows.resize(kRead);
  return rows;
}

void Follow(benchmark::State& state, const std::string& bytes) {
  for (auto _ : state) {
    SessionState session;
    session.Follow(bytes);
    if (!session.following()) std::abort();
    benchmark::DoNotOptimize(session);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes.size()));
}
void FollowSmallAnswers(benchmark::State& state) { Follow(state, SmallAnswers()); }
BENCHMARK(FollowSmallAnswers);
void FollowCopy(benchmark::State& state) {
  Follow(state, CopyRows(static_cast<std::size_t>(state.range(0))));
}
BENCHMARK(FollowCopy)->Arg(100)->Arg(8192);

// One iteration is one connection: its startup packet, the branch it names, the packet for the
// server.
void Connect(benchmark::State& state) {
  const std::string packet = testing::StartupPacket(
      kProtocol30, testing::StartupBody({"user", "postgres@new-feature", "database", "postgres",
                                         "application_name", "psql", "client_encoding", "UTF8",
                                         "options", "-c geqo=off -c prism.ttl=2h"}));
  for (auto _ : state) {
    StartupParser parser(StartupParser::Transport::kTcp);
    auto step = parser.Feed(packet).step;
    auto request = ReadBranchRequest(std::get<StartupMessage>(std::move(step)), {}, {});
    if (!request || !request->branch) std::abort();
    benchmark::DoNotOptimize(request->message.Write(kProtocol30));
  }
}
BENCHMARK(Connect);

void MintAndRemoveCancelKey(benchmark::State& state) {
  CancelKeys keys(1, 10'000);
  for (auto _ : state) {
    const auto key = keys.Mint(kProtocol32, 7);
    if (!key || !keys.Find(key->process_id, key->key)) std::abort();
    keys.Remove(key->process_id);
  }
}
BENCHMARK(MintAndRemoveCancelKey);

}  // namespace
}  // namespace prism::branching

BENCHMARK_MAIN();

#include "branching/proxy/relay.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "branching/pgwire/messages.h"
#include "runtime/sync_wait.h"
#include "runtime/task_group.h"

namespace prism::branching {
namespace {

using runtime::Shard;
using runtime::Task;

Until Soon() { return {.deadline = MonotonicNow() + 60 * kNanosPerSecond}; }

// A relay between two ends that the test holds.
struct Line {
  Line() : shard(*Shard::Current()) {
    Connect(client, relay_client);
    Connect(server, relay_server);
    relay.emplace(*relay_client, *relay_server, state, cancel);
  }

  void Connect(std::optional<SocketStream>& outer, std::optional<SocketStream>& inner) {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
    outer.emplace(shard, *buffers, base::UniqueFd(fds[0]));
    inner.emplace(shard, *buffers, base::UniqueFd(fds[1]));
    EXPECT_TRUE(outer->Start());
    EXPECT_TRUE(inner->Start());
  }

  Shard& shard;
  std::unique_ptr<StreamBuffers> buffers = std::make_unique<StreamBuffers>();
  std::optional<SocketStream> client;  // of the test
  std::optional<SocketStream> server;
  std::optional<SocketStream> relay_client;
  std::optional<SocketStream> relay_server;
  SessionState state;
  runtime::CancelSource cancel;
  std::optional<Relay> relay;
  bool over = false;
};

Task<void> Run(Line* line) {
  co_await line->relay->Run("", "");
  line->over = true;
}

Task<void> Say(SocketStream* stream, std::string text) {
  const Status said = co_await stream->Write(text, Soon());
  EXPECT_TRUE(said) << said.error().ToString();
}

Task<std::string> Hear(SocketStream* stream, std::size_t count) {
  std::string heard;
  while (heard.size() < count) {
    const auto part = co_await stream->Read(Soon());
    EXPECT_TRUE(part && !part->empty()) << heard.size();
    if (!part || part->empty()) co_return heard;
    heard += *part;
  }
  co_return heard;
}

Task<bool> HearEnd(SocketStream* stream) {
  const auto part = co_await stream->Read(Soon());
  co_return part && part->empty();
}

// What was said to a stream until its end, however that came.
Task<std::string> HearOut(SocketStream* stream) {
  std::string heard;
  while (true) {
    const auto part = co_await stream->Read(Soon());
    if (!part || part->empty()) co_return heard;
    heard += *part;
  }
}

Task<void> EndEachSideByItself() {
  Line line;
  runtime::TaskGroup group;
  group.Spawn(Run(&line));
  co_await Say(&*line.client, "question");
  const Status ended = co_await line.client->EndOutput(Soon());
  EXPECT_TRUE(ended);
  const std::string question = co_await Hear(&*line.server, 8);
  EXPECT_EQ(question, "question");
  const bool server_sees = co_await HearEnd(&*line.server);
  EXPECT_TRUE(server_sees);
  // The client listens still.
  co_await Say(&*line.server, "answer");
  const std::string answer = co_await Hear(&*line.client, 6);
  EXPECT_EQ(answer, "answer");
  EXPECT_FALSE(line.over);
  line.server.reset();
  const bool client_sees = co_await HearEnd(&*line.client);
  EXPECT_TRUE(client_sees);
  co_await group.Join();
}

TEST(Relay, LetsAClientListenThatSaysNoMore) {
  runtime::RunOnNewShard([] { return EndEachSideByItself(); });
}

Task<void> EndServersSide() {
  Line line;
  runtime::TaskGroup group;
  group.Spawn(Run(&line));
  co_await Say(&*line.server, "bye");
  const Status ended = co_await line.server->EndOutput(Soon());
  EXPECT_TRUE(ended);
  const std::string bye = co_await Hear(&*line.client, 3);
  EXPECT_EQ(bye, "bye");
  const bool client_sees = co_await HearEnd(&*line.client);
  EXPECT_TRUE(client_sees);
  co_await Say(&*line.client, "wait");
  const std::string wait = co_await Hear(&*line.server, 4);
  EXPECT_EQ(wait, "wait");
  EXPECT_FALSE(line.over);
  line.client.reset();
  co_await group.Join();
}

TEST(Relay, LetsAServerListenThatSaysNoMore) {
  runtime::RunOnNewShard([] { return EndServersSide(); });
}

Task<void> DieWhileTheClientSends() {
  Line line;
  runtime::TaskGroup group;
  group.Spawn(Run(&line));
  // More than the system takes: the relay holds a rest, and the server has not read a byte.
  const std::string much(4'000'000, 'd');
  runtime::TaskGroup sender;
  sender.Spawn(Say(&*line.client, much));
  const Status asked = co_await line.server->WaitUntilGone(
      {.deadline = MonotonicNow() + 50 * kNanosPerMilli});  // lets the relay fill its buffers
  EXPECT_FALSE(asked);
  const std::string last(100'000, 'e');
  co_await Say(&*line.server, last);
  line.server.reset();  // resets the connection: it has not read everything
  co_await sender.Join();
  const std::string told = co_await HearOut(&*line.client);
  EXPECT_EQ(told.size(), last.size());
  EXPECT_FALSE(line.over);
  line.client.reset();
  co_await group.Join();
}

TEST(Relay, BringsTheLastWordsOfAServerToAClientThatSends) {
  runtime::RunOnNewShard([] { return DieWhileTheClientSends(); });
}

Task<void> Pour(Line* line, std::size_t* poured) {
  const std::string part(64 * 1024, 'r');
  while (true) {
    const Status said = co_await line->server->Write(part, {.cancel = &line->cancel});
    if (!said) co_return;
    *poured += part.size();
  }
}

Task<void> StopReading() {
  Line line;
  runtime::TaskGroup group;
  std::size_t poured = 0;
  group.Spawn(Run(&line));
  group.Spawn(Pour(&line, &poured));
  // It stands still: two sockets' buffers and one rest are full.
  for (std::size_t before = 1; before != poured;) {
    before = poured;
    co_await runtime::SleepUntil(line.shard, MonotonicNow() + 50 * kNanosPerMilli, nullptr);
  }
  EXPECT_LT(poured, 4'000'000u);
  // The other direction goes on.
  co_await Say(&*line.client, "stop");
  const std::string stop = co_await Hear(&*line.server, 4);
  EXPECT_EQ(stop, "stop");
  line.cancel.Cancel(runtime::CancelReason::kShutdown);
  co_await group.Join();
}

TEST(Relay, HoldsLittleForAPeerThatDoesNotRead) {
  runtime::RunOnNewShard([] { return StopReading(); });
}

Task<void> CancelBetween(std::string said, bool between) {
  Line line;
  runtime::TaskGroup group;
  group.Spawn(Run(&line));
  co_await Say(&*line.server, said);
  const std::string heard = co_await Hear(&*line.client, said.size());
  EXPECT_EQ(heard, said);
  line.cancel.Cancel(runtime::CancelReason::kShutdown);
  co_await group.Join();
  EXPECT_EQ(line.relay->between_messages(), between) << said;
}

TEST(Relay, KnowsWhetherOneMoreMessageWouldBeUnderstood) {
  std::string ready;
  AppendReadyForQuery(ready, TransactionStatus::kIdle);
  runtime::RunOnNewShard([&] { return CancelBetween(ready, true); });
  runtime::RunOnNewShard([&] { return CancelBetween(ready + "D", false); });
}

}  // namespace
}  // namespace prism::branching

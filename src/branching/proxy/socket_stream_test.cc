#include "branching/proxy/socket_stream.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "rpc/client/client_tls.h"
#include "rpc/testing/certificates.h"
#include "runtime/sync_wait.h"
#include "runtime/task_group.h"

namespace prism::branching {
namespace {

using runtime::Shard;
using runtime::Task;

Until InSeconds(int seconds) { return {.deadline = MonotonicNow() + seconds * kNanosPerSecond}; }

// Two ends of a connection on one shard.
struct Pair {
  Pair() : shard(*Shard::Current()) {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
    ours.emplace(shard, *buffers, base::UniqueFd(fds[0]));
    theirs.emplace(shard, *buffers, base::UniqueFd(fds[1]));
    EXPECT_TRUE(ours->Start());
    EXPECT_TRUE(theirs->Start());
  }

  Shard& shard;
  std::unique_ptr<StreamBuffers> buffers = std::make_unique<StreamBuffers>();
  std::optional<SocketStream> ours;
  std::optional<SocketStream> theirs;
};

Task<void> CheckKeepalive() {
  const auto buffers = std::make_unique<StreamBuffers>();
  base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  SocketStream stream(*Shard::Current(), *buffers, std::move(fd));
  EXPECT_TRUE(stream.Start());
  const auto option = [&stream](int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(stream.fd(), level, name, &value, &size), 0);
    return value;
  };
  EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 60);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPINTVL), 10);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPCNT), 3);
  co_return;
}

TEST(SocketStream, NoticesAPeerThatHasGoneWithinNinetySeconds) {
  runtime::RunOnNewShard([] { return CheckKeepalive(); });
}

Task<void> WriteAll(SocketStream* stream, std::string text) {
  const Status written = co_await stream->Write(text, InSeconds(60));
  EXPECT_TRUE(written) << written.error().ToString();
  const Status ended = co_await stream->EndOutput(InSeconds(60));
  EXPECT_TRUE(ended) << ended.error().ToString();
}

// Everything up to the end of the peer's side.
Task<std::string> ReadAll(SocketStream* stream) {
  std::string text;
  while (true) {
    const auto part = co_await stream->Read(InSeconds(60));
    EXPECT_TRUE(part) << part.error().ToString();
    if (!part || part->empty()) co_return text;
    text += *part;
  }
}

Task<void> CarryMuch() {
  Pair pair;
  runtime::TaskGroup group;
  const std::string text(5'000'000, 'x');  // far more than the system takes at once
  group.Spawn(WriteAll(&*pair.ours, text));
  const std::string got = co_await ReadAll(&*pair.theirs);
  EXPECT_EQ(got.size(), text.size());
  // The other direction still goes.
  group.Spawn(WriteAll(&*pair.theirs, "answer"));
  const std::string answer = co_await ReadAll(&*pair.ours);
  EXPECT_EQ(answer, "answer");
  co_await group.Join();
}

TEST(SocketStream, CarriesMoreThanFitsAndEndsEachSideByItself) {
  runtime::RunOnNewShard([] { return CarryMuch(); });
}

Task<void> WaitInVain() {
  Pair pair;
  const auto late = co_await pair.ours->Read({.deadline = MonotonicNow() + 20 * kNanosPerMilli});
  EXPECT_EQ(late.error().reason(), "CONNECTION_DEADLINE");
  runtime::CancelSource cancel;
  cancel.Cancel(runtime::CancelReason::kShutdown);
  const auto cancelled = co_await pair.ours->Read({.cancel = &cancel});
  EXPECT_EQ(cancelled.error().reason(), "CANCELLED");
  const Status stays =
      co_await pair.ours->WaitUntilGone({.deadline = MonotonicNow() + 20 * kNanosPerMilli});
  EXPECT_EQ(stays.error().reason(), "CONNECTION_DEADLINE");
  // What came meanwhile is still there.
  const Status written = co_await pair.theirs->Write("late", InSeconds(60));
  EXPECT_TRUE(written);
  pair.theirs.reset();
  const Status gone = co_await pair.ours->WaitUntilGone(InSeconds(60));
  EXPECT_TRUE(gone) << gone.error().ToString();
  const auto rest = co_await pair.ours->Read(InSeconds(60));
  EXPECT_EQ(rest.value_or(""), "late");
  const auto end = co_await pair.ours->Read(InSeconds(60));
  EXPECT_EQ(end.value_or("?"), "");
  const Status lost = co_await pair.ours->Write("nobody", InSeconds(60));
  EXPECT_EQ(lost.error().reason(), "CONNECTION_LOST");
}

TEST(SocketStream, WaitsNoLongerThanItMay) {
  runtime::RunOnNewShard([] { return WaitInVain(); });
}

Task<void> CancelAReader() {
  Pair pair;
  const std::string much(3 * StreamBuffers::kReadBytes / 2, 'x');
  const Status written = co_await pair.theirs->Write(much, InSeconds(60));
  EXPECT_TRUE(written);
  const auto first = co_await pair.ours->Read(InSeconds(60));
  EXPECT_EQ(first.value_or("").size(), StreamBuffers::kReadBytes);
  runtime::CancelSource cancel;
  cancel.Cancel(runtime::CancelReason::kShutdown);
  const auto cancelled = co_await pair.ours->Read({.cancel = &cancel});
  EXPECT_FALSE(cancelled);
}

TEST(SocketStream, CanBeCancelledWhileThereIsMoreToRead) {
  runtime::RunOnNewShard([] { return CancelAReader(); });
}

// A TLS client over the other end: says `text`, answers what it was told. `wire`: gets all that
// came.
Task<std::string> TlsClientSays(SocketStream* stream, rpc::TlsClient* client, std::string text,
                                std::string* wire) {
  std::string told;
  bool said = false;
  while (true) {
    if (client->ready() && !std::exchange(said, client->ready())) {
      EXPECT_EQ(client->Send(text).value_or(0), text.size());
    }
    std::string out;
    client->Drain(out);
    const Status sent = co_await stream->Write(out, InSeconds(60));
    EXPECT_TRUE(sent) << sent.error().ToString();
    if (told.ends_with('.')) co_return told;
    const auto cipher = co_await stream->Read(InSeconds(60));
    EXPECT_TRUE(cipher && !cipher->empty());
    if (!cipher || cipher->empty()) co_return told;
    *wire += *cipher;
    const Status taken = client->Receive(*cipher, told);
    EXPECT_TRUE(taken) << taken.error().ToString();
    if (!taken) co_return told;
  }
}

Task<void> ServeTls(SocketStream* stream, std::shared_ptr<const rpc::TlsContext> context,
                    std::string answer) {
  const Status started = co_await stream->StartTls(std::move(context), {}, InSeconds(60));
  EXPECT_TRUE(started) << started.error().ToString();
  const auto question = co_await stream->Read(InSeconds(60));
  EXPECT_EQ(question.value_or(""), "who?");
  const Status answered = co_await stream->Write(answer, InSeconds(60));
  EXPECT_TRUE(answered) << answered.error().ToString();
}

// The lengths of TLS records (RFC 8446 section 5.1), of those that carry data.
std::size_t LongestRecord(std::string_view wire) {
  constexpr std::size_t kHeader = 5;
  constexpr char kData = 23;
  std::size_t longest = 0;
  while (wire.size() >= kHeader) {
    const std::size_t length = static_cast<std::size_t>(static_cast<unsigned char>(wire[3])) << 8 |
                               static_cast<unsigned char>(wire[4]);
    if (wire.front() == kData) longest = std::max(longest, length);
    wire.remove_prefix(std::min(kHeader + length, wire.size()));
  }
  return longest;
}

Task<void> SpeakTls(const rpc::testing::Certificates* files, std::string answer) {
  Pair pair;
  auto context = rpc::TlsContext::Load({.certificate = files->File("server.pem"),
                                        .key = files->File("server.key"),
                                        .client_ca = {},
                                        .protocols = {"postgresql"}});
  auto client = rpc::TlsClient::Make({.ca_file = files->File("ca.pem")}, "localhost", "postgresql");
  EXPECT_TRUE(context && client);
  runtime::TaskGroup group;
  group.Spawn(ServeTls(&*pair.ours, *context, answer));
  std::string wire;
  const std::string told = co_await TlsClientSays(&*pair.theirs, client->get(), "who?", &wire);
  EXPECT_EQ(told, answer);
  EXPECT_LE(LongestRecord(wire), 8192u + 17);  // one byte and a tag more
  co_await group.Join();
}

TEST(SocketStream, SpeaksTls) {
  rpc::testing::Certificates files;
  files.Make("server", "DNS:localhost");
  runtime::RunOnNewShard([&] { return SpeakTls(&files, "me."); });
  runtime::RunOnNewShard([&] { return SpeakTls(&files, std::string(300'000, 'm') + "."); });
}

Task<void> RefusePlaintext(const rpc::testing::Certificates* files) {
  Pair pair;
  auto context = rpc::TlsContext::Load({.certificate = files->File("server.pem"),
                                        .key = files->File("server.key"),
                                        .client_ca = {}});
  EXPECT_TRUE(context);
  const Status written = co_await pair.theirs->Write("GET / HTTP/1.1\r\n\r\n", InSeconds(60));
  EXPECT_TRUE(written);
  const Status started = co_await pair.ours->StartTls(*context, {}, InSeconds(60));
  EXPECT_EQ(started.error().reason(), "TLS_FAILED");
  pair.ours.reset();
  const std::string told = co_await ReadAll(&*pair.theirs);
  EXPECT_EQ(told, "");
}

TEST(SocketStream, AnswersPlaintextInPlaceOfTlsWithNothing) {
  rpc::testing::Certificates files;
  files.Make("server", "DNS:localhost");
  runtime::RunOnNewShard([&] { return RefusePlaintext(&files); });
}

}  // namespace
}  // namespace prism::branching

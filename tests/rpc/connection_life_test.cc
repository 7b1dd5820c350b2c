// How long the server bears with a peer that is slow, half gone or old: bare sockets that do what
// no client library would.
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>

#include "rpc/testing/echo_server.h"

namespace prism::rpc {
namespace {

using testing::EchoDispatcher;

constexpr MonoNanos kSoon = 150 * kNanosPerMilli;
constexpr int kPatienceMs = 20'000;

// --- what is sent --------------------------------------------------------------------------------

std::string Post(std::string_view path, std::string_view body, std::string_view fields = "") {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + std::string(fields) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

enum FrameType : std::uint8_t { kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kGoaway = 7 };
constexpr std::uint8_t kEndStream = 1;
constexpr std::uint8_t kEndHeaders = 4;
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

std::string Frame(FrameType type, std::uint8_t flags, std::uint32_t stream,
                  std::string_view payload) {
  std::string out;
  for (const int shift : {16, 8, 0}) out.push_back(static_cast<char>(payload.size() >> shift));
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(stream >> shift));
  return out.append(payload);
}

std::string Hello(std::string_view settings = "") {
  return std::string(kPreface) + Frame(kSettings, 0, 0, settings);
}

// RFC 7541 section 6.2.2, without compression.
std::string Literal(std::string_view name, std::string_view value) {
  std::string out(1, '\0');
  out.push_back(static_cast<char>(name.size()));
  out.append(name).push_back(static_cast<char>(value.size()));
  return out.append(value);
}

std::string Block(std::string_view path) {
  return Literal(":method", "POST") + Literal(":scheme", "http") + Literal(":path", path) +
         Literal(":authority", "a") + Literal("content-type", "application/json");
}

// --- who sends it --------------------------------------------------------------------------------

class Peer {
 public:
  explicit Peer(const std::string& address, int receive_buffer = 0) {
    const bool unix_socket = address.starts_with("unix:");
    fd_ = ::socket(unix_socket ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer != 0) {
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    if (unix_socket) {
      sockaddr_un name{};
      name.sun_family = AF_UNIX;
      address.copy(name.sun_path, sizeof name.sun_path - 1, 5);
      EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    } else {
      sockaddr_in name{};
      name.sin_family = AF_INET;
      name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      name.sin_port = htons(
          static_cast<std::uint16_t>(std::atoi(address.substr(address.rfind(':') + 1).c_str())));
      EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    }
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() { ::close(fd_); }

  // False: the server takes no more.
  bool Send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void HalfClose() const { ::shutdown(fd_, SHUT_WR); }
  // What comes until the server closes, or until the text has come.
  std::string Read(std::string_view until = {}) const {
    std::string all;
    char buffer[16384];
    while (until.empty() || all.find(until) == std::string::npos) {
      pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, kPatienceMs) != 1) return all + "[the server did not close]";
      const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
      if (got < 0) return all + "[reset]";
      if (got == 0) return until.empty() ? all : all + "[closed]";
      all.append(buffer, static_cast<std::size_t>(got));
    }
    return all;
  }
  // Sends byte after byte of a text without end until the server has had enough; what it says.
  std::string Trickle(char byte) const {
    for (;;) {
      if (!Send({&byte, 1})) return Read();
      pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, 10) == 1) return Read();
    }
  }

 private:
  int fd_ = -1;
};

// The types of the frames in it, as text: "4,7".
std::string Kinds(std::string_view frames) {
  std::string kinds;
  while (frames.size() >= 9) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(frames[i]); };
    const std::size_t size = std::size_t{byte(0)} << 16 | std::size_t{byte(1)} << 8 | byte(2);
    kinds.append(kinds.empty() ? "" : ",").append(std::to_string(byte(3)));
    frames.remove_prefix(std::min(frames.size(), 9 + size));
  }
  return kinds.append(frames);
}

class ConnectionLifeTest : public testing::EchoServerTest {};

// --- slow heads and bodies -----------------------------------------------------------------------

TEST_F(ConnectionLifeTest, AHeadThatStopsIsAnsweredWith408) {
  limits_.header_timeout = kSoon;
  Start();
  const Peer peer(address_);
  peer.Send("POST /test.Echo/Unary HTTP/1.1\r\nHost:");
  const std::string answer = peer.Read();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n")) << answer;
  EXPECT_NE(answer.find("connection: close"), std::string::npos) << answer;
  EXPECT_NE(answer.find("\"reason\":\"REQUEST_TOO_SLOW\""), std::string::npos) << answer;
}

TEST_F(ConnectionLifeTest, ByteAfterByteBuysAHeadNoTime) {
  limits_.header_timeout = kSoon;
  Start();
  const Peer peer(address_);
  peer.Send("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ");
  EXPECT_TRUE(peer.Trickle('a').starts_with("HTTP/1.1 408 "));
}

TEST_F(ConnectionLifeTest, TheTimeOfAHeadBeginsWithItsFirstByte) {
  limits_.header_timeout = kSoon;
  Start();
  const Peer peer(address_);
  for (int i = 0; i < 3; ++i) {
    peer.Send(Post(EchoDispatcher::kUnary, "\"aGk=\"") + "\r\n");
    EXPECT_TRUE(peer.Read("\"aGk=\"").starts_with("HTTP/1.1 200 "));
  }
  // A line end between requests has begun none: the connection outlives the time.
  pollfd none{};
  ::poll(&none, 0, 2 * static_cast<int>(kSoon / kNanosPerMilli));
  peer.Send(Post(EchoDispatcher::kUnary, "\"aGk=\""));
  EXPECT_TRUE(peer.Read("\"aGk=\"").starts_with("HTTP/1.1 200 "));
  peer.Send("P");
  EXPECT_TRUE(peer.Read().starts_with("HTTP/1.1 408 "));
}

TEST_F(ConnectionLifeTest, HeadsOfHttp2HaveTheSameTime) {
  limits_.header_timeout = kSoon;
  Start();
  const std::string block = Block(EchoDispatcher::kUnary);
  const std::string whole = Frame(kHeaders, kEndHeaders, 1, block);
  for (const std::string& start :
       {Hello().substr(0, 2), Hello().substr(0, 20), Hello().substr(0, 30),
        Hello() + whole.substr(0, 5), Hello() + whole.substr(0, 20),
        Hello() + Frame(kHeaders, 0, 1, block)}) {
    const Peer peer(address_);
    peer.Send(start);
    const std::string kinds = Kinds(peer.Read());
    EXPECT_TRUE(kinds.empty() || kinds.ends_with("7")) << start.size() << ": " << kinds;
  }
}

TEST_F(ConnectionLifeTest, ABodyThatStopsIsAnsweredWith408) {
  limits_.body_timeout = kSoon;
  Start();
  const std::string whole = Post(EchoDispatcher::kUnary, "\"aGk=\"");
  for (const bool trickles : {false, true}) {
    const Peer peer(address_);
    peer.Send(trickles ? Post(EchoDispatcher::kUnary, "\"a", "")
                             .replace(whole.find("Length: ") + 8, 1, "99999")
                       : whole.substr(0, whole.size() - 1));
    const std::string answer = trickles ? peer.Trickle('a') : peer.Read();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 ")) << answer;
    EXPECT_NE(answer.find("REQUEST_TOO_SLOW"), std::string::npos) << answer;
  }
}

TEST_F(ConnectionLifeTest, ABodyOfHttp2ThatStopsCostsItsStreamOnly) {
  limits_.body_timeout = kSoon;
  Start();
  const Peer peer(address_);
  const std::string block = Block(EchoDispatcher::kUnary);
  peer.Send(Hello() + Frame(kHeaders, kEndHeaders, 1, block) + Frame(kData, 0, 1, "\"a"));
  EXPECT_NE(peer.Read("REQUEST_TOO_SLOW").find("REQUEST_TOO_SLOW"), std::string::npos);
  peer.Send(Frame(kHeaders, kEndHeaders, 3, block) + Frame(kData, kEndStream, 3, "\"aGk=\""));
  EXPECT_EQ(peer.Read("\"aGk=\"").find("[closed]"), std::string::npos);
}

TEST_F(ConnectionLifeTest, AStreamOfRequestsMayPause) {
  limits_.body_timeout = kSoon;
  limits_.header_timeout = kSoon;
  Start();
  const Peer peer(address_);
  std::string block = Block(EchoDispatcher::kChat);
  block.replace(block.find("application/json") - 1, 17,
                std::string("\x18"
                            "application/connect+json"));
  peer.Send(Hello() + Frame(kHeaders, kEndHeaders, 1, block));
  AwaitStarted(1);
  pollfd none{};
  ::poll(&none, 0, 3 * static_cast<int>(kSoon / kNanosPerMilli));
  const std::string message("\0\0\0\0\6\"aGk=\"", 11);
  peer.Send(Frame(kData, kEndStream, 1, message));
  EXPECT_EQ(peer.Read("\"aGk=\"").find("[closed]"), std::string::npos);
}

// --- slow readers --------------------------------------------------------------------------------

TEST_F(ConnectionLifeTest, WhoDoesNotReadItsAnswersIsLetGo) {
  limits_.send_timeout = kSoon;
  Start();
  const Peer peer(address_, 4096);
  const std::string large = Post(EchoDispatcher::kUnary, "\"" + std::string(3 << 20, 'a') + "\"");
  // More than the socket buffers of both sides take.
  bool open = true;
  for (int i = 0; i < 8 && open; ++i) open = peer.Send(large);
  while (server_->connections() > 0) std::this_thread::yield();
}

TEST_F(ConnectionLifeTest, WhoOpensNoWindowLosesItsStreamOnly) {
  limits_.header_timeout = kSoon;  // it looks no more often than the shortest time asks for
  limits_.send_timeout = kSoon;
  Start();
  const Peer peer(address_);
  const std::string no_window("\0\4\0\0\0\0", 6);
  peer.Send(Hello(no_window) + Frame(kHeaders, kEndHeaders, 1, Block(EchoDispatcher::kUnary)) +
            Frame(kData, kEndStream, 1, "\"aGk=\""));
  const std::string reset = Frame(kReset, 0, 1, std::string_view("\0\0\0\x8", 4));
  EXPECT_EQ(peer.Read(reset).find("[closed]"), std::string::npos);
}

// --- peers that have sent all they will ----------------------------------------------------------

TEST_F(ConnectionLifeTest, WhoClosesItsSideGetsItsAnswers) {
  for (const std::string& where : {std::string("127.0.0.1:0"), SocketAddress()}) {
    Start(where);
    const Peer peer(address_);
    peer.Send(Post(EchoDispatcher::kHold, "\"\"") + Post(EchoDispatcher::kUnary, "\"aGk=\"") +
              Post(EchoDispatcher::kUnary, "\"aGo=\"") + "POST /half HTTP");
    peer.HalfClose();
    AwaitStarted(1);
    Release();
    const std::string answer = peer.Read();
    EXPECT_NE(answer.find("\"aGk=\""), std::string::npos) << answer;
    EXPECT_NE(answer.find("\"aGo=\""), std::string::npos) << answer;
    EXPECT_EQ(answer.find("half"), std::string::npos) << answer;
    OnShard([&] { return dispatcher_.started = 0; });
  }
}

TEST_F(ConnectionLifeTest, WhoClosesItsSideOfHttp2GetsItsAnswers) {
  Start();
  const Peer peer(address_);
  peer.Send(Hello() + Frame(kHeaders, kEndHeaders, 1, Block(EchoDispatcher::kHold)) +
            Frame(kData, kEndStream, 1, "\"aGk=\"") +
            Frame(kHeaders, kEndHeaders, 3, Block(EchoDispatcher::kUnary)) +
            Frame(kData, kEndStream, 3, "\"aGo=\""));
  peer.HalfClose();
  AwaitStarted(2);
  Release();
  const std::string answer = peer.Read();
  EXPECT_NE(answer.find("\"aGo=\""), std::string::npos) << Kinds(answer);
  EXPECT_EQ(OnShard([&] { return dispatcher_.cancelled.size(); }), 0u);
}

TEST_F(ConnectionLifeTest, WhatIsIncompleteWhenThePeerClosesItsSideIsCancelled) {
  Start();
  const std::string whole = Post(EchoDispatcher::kUnary, "\"aGk=\"");
  const Peer head(address_);
  head.Send(whole.substr(0, 30));
  head.HalfClose();
  EXPECT_EQ(head.Read(), "");
  const Peer body(address_);
  body.Send(whole.substr(0, whole.size() - 1));
  body.HalfClose();
  EXPECT_EQ(body.Read(), "");
  const Peer stream(address_);
  std::string block = Block(EchoDispatcher::kCollect);
  block.replace(block.find("application/json") - 1, 17,
                std::string("\x18"
                            "application/connect+json"));
  stream.Send(Hello() + Frame(kHeaders, kEndHeaders, 1, block));
  AwaitStarted(1);
  stream.HalfClose();
  EXPECT_TRUE(Kinds(stream.Read()).ends_with("3")) << "after GOAWAY the stream is reset";
  while (OnShard([&] { return dispatcher_.finished; }) < 1) std::this_thread::yield();
}

// --- age and drain -------------------------------------------------------------------------------

TEST_F(ConnectionLifeTest, AnOldConnectionEndsAfterItsCalls) {
  limits_.max_connection_age = kSoon;
  Start();
  const Peer http1(address_);
  http1.Send(Post(EchoDispatcher::kHold, "\"\""));
  const Peer http2(address_);
  http2.Send(Hello() + Frame(kHeaders, kEndHeaders, 1, Block(EchoDispatcher::kHold)) +
             Frame(kData, kEndStream, 1, "\"aGk=\""));
  AwaitStarted(2);
  http2.Read(std::string_view("\x7f\xff\xff\xff", 4));  // GOAWAY that refuses nothing yet
  Release();
  EXPECT_NE(http1.Read().find("HTTP/1.1 200 OK\r\n"), std::string::npos);
  EXPECT_EQ(http2.Read().find("[reset]"), std::string::npos);
  EXPECT_EQ(OnShard([&] { return dispatcher_.cancelled.size(); }), 0u);
}

TEST_F(ConnectionLifeTest, CallsOfAnOldConnectionHaveAnEnd) {
  limits_.max_connection_age = kSoon;
  limits_.drain_timeout = kSoon;
  Start();
  const Peer peer(address_);
  peer.Send(Post(EchoDispatcher::kHold, "\"\""));
  EXPECT_NE(peer.Read().find("SERVER_STOPPING"), std::string::npos);
}

TEST_F(ConnectionLifeTest, WhatHasArrivedWhenADrainBeginsIsAnswered) {
  Start();
  const Peer silent(address_);
  const Peer pipelining(address_);
  pipelining.Send(Post(EchoDispatcher::kHold, "\"\"") + Post(EchoDispatcher::kUnary, "\"aGk=\"") +
                  Post(EchoDispatcher::kUnary, "\"aGo=\""));
  AwaitStarted(1);
  while (server_->connections() < 2) std::this_thread::yield();
  EXPECT_FALSE(server_->Drain(MonotonicNow()));
  // It had said nothing when the drain began, and may have been about to.
  silent.Send(Post(EchoDispatcher::kUnary, "\"aGk=\""));
  const std::string answer = silent.Read();
  EXPECT_NE(answer.find("\"aGk=\""), std::string::npos) << answer;
  EXPECT_NE(answer.find("connection: close"), std::string::npos) << answer;
  Release();
  const std::string answers = pipelining.Read();
  EXPECT_LT(answers.find("\"aGk=\""), answers.find("connection: close")) << answers;
  EXPECT_LT(answers.find("connection: close"), answers.find("\"aGo=\"")) << answers;
  EXPECT_TRUE(server_->Drain(MonotonicNow() + 20 * kNanosPerSecond));
}

TEST_F(ConnectionLifeTest, ClientsInTheQueueWhenADrainBeginsAreServed) {
  Start();
  // While the shard is busy nobody accepts.
  std::atomic<bool> busy = true;
  shards_.at(0).Post([&] {
    while (busy) std::this_thread::yield();
  });
  const Peer queued(address_);
  queued.Send(Post(EchoDispatcher::kUnary, "\"aGk=\""));
  std::thread drain([&] { EXPECT_TRUE(server_->Drain(MonotonicNow() + 20 * kNanosPerSecond)); });
  busy = false;
  EXPECT_NE(queued.Read().find("\"aGk=\""), std::string::npos);
  drain.join();
}

// --- what is counted ----------------------------------------------------------------------------

class ConnectionCountsTest : public ConnectionLifeTest {
 protected:
  // Of plain connections of this version that are open.
  std::uint64_t Open(HttpVersion version) {
    return server_->connection_counts().open[static_cast<std::size_t>(version)][0];
  }
  // Waits for the first connection to end; why it did.
  std::string_view WhyOneEnded() {
    for (;;) {
      const ConnectionCounts counts = server_->connection_counts();
      const auto ended = std::ranges::find_if(counts.closed, [](auto count) { return count > 0; });
      // The numbers are read one after the other: it may be counted as open and as closed at once.
      if (ended != counts.closed.end() && counts.open == ConnectionCounts().open) {
        return kConnectionEndNames[static_cast<std::size_t>(ended - counts.closed.begin())];
      }
      std::this_thread::yield();
    }
  }
};

TEST_F(ConnectionCountsTest, OpenConnectionsAreCountedByWhatTheySpeak) {
  Start();
  const Peer silent(address_);
  const Peer old(address_);
  old.Send(Post(EchoDispatcher::kUnary, "\"\""));
  old.Read("\r\n\r\n");
  const Peer young(address_);
  young.Send(Hello());
  young.Read(Frame(kSettings, 1, 0, ""));
  EXPECT_EQ(Open(HttpVersion::kHttp1), 1u);
  EXPECT_EQ(Open(HttpVersion::kHttp2), 1u);
  while (Open(HttpVersion::kNone) != 1) std::this_thread::yield();  // it may be on its way
  const ConnectionCounts counts = server_->connection_counts();
  EXPECT_EQ(counts.begun[1][0], 1u);
  EXPECT_EQ(counts.begun[2][0], 1u);
  EXPECT_EQ(counts.open[1][1] + counts.open[2][1], 0u) << "nobody speaks TLS";
  EXPECT_TRUE(std::ranges::all_of(counts.closed, [](auto count) { return count == 0; }));
}

TEST_F(ConnectionCountsTest, AClientThatGoes) {
  Start();
  {
    const Peer peer(address_);
  }
  EXPECT_EQ(WhyOneEnded(), "client");
}

TEST_F(ConnectionCountsTest, AnAnswerThatIsTheLast) {
  Start();
  const Peer peer(address_);
  peer.Send(Post(EchoDispatcher::kUnary, "\"\"", "Connection: close\r\n"));
  peer.Read();
  EXPECT_EQ(WhyOneEnded(), "done");
}

TEST_F(ConnectionCountsTest, WhatIsNoHttp) {
  Start();
  const Peer peer(address_);
  peer.Send("GET / HTTP/1.1\r\n\r\n");
  peer.Read();
  EXPECT_EQ(WhyOneEnded(), "malformed");
}

TEST_F(ConnectionCountsTest, WhatIsNoHttp2) {
  Start();
  const Peer peer(address_);
  peer.Send(Hello() + Frame(kData, 0, 0, "x"));
  peer.Read();
  EXPECT_EQ(WhyOneEnded(), "malformed");
}

TEST_F(ConnectionCountsTest, ASilence) {
  limits_.handshake_timeout = kSoon;
  Start();
  const Peer peer(address_);
  peer.Read();
  EXPECT_EQ(WhyOneEnded(), "silent");
}

TEST_F(ConnectionCountsTest, AHeadThatIsSlow) {
  limits_.header_timeout = kSoon;
  Start();
  const Peer peer(address_);
  peer.Send("GET");
  peer.Read();
  EXPECT_EQ(WhyOneEnded(), "slow");
}

TEST_F(ConnectionCountsTest, NothingToDo) {
  limits_.idle_timeout = kSoon;
  Start();
  const Peer peer(address_);
  peer.Send(Hello());
  peer.Read();
  EXPECT_EQ(WhyOneEnded(), "idle");
}

TEST_F(ConnectionCountsTest, Age) {
  limits_.max_connection_age = kSoon;
  Start();
  const Peer peer(address_);
  peer.Read();
  EXPECT_EQ(WhyOneEnded(), "age");
}

TEST_F(ConnectionCountsTest, AServerThatStops) {
  Start();
  const Peer peer(address_);
  peer.Send(Hello());
  peer.Read(Frame(kSettings, 1, 0, ""));
  server_->Drain(MonotonicNow() + 20 * kNanosPerSecond);
  EXPECT_EQ(WhyOneEnded(), "drain");
}

}  // namespace
}  // namespace prism::rpc

// The server with its sockets, against our client and against bare sockets.
#include "rpc/net/call_server.h"

#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "rpc/client/client.h"
#include "rpc/testing/certificates.h"
#include "rpc/testing/echo_server.h"

namespace prism::rpc {
namespace {

using google::protobuf::BytesValue;
using testing::EchoDispatcher;

class CallServerTest : public testing::EchoServerTest {
 protected:
  Channel Dial() {
    ChannelOptions options;
    options.target = address_;
    return Channel(std::move(options));
  }

  std::uint64_t Ended(ConnectionEnd why) const {
    return server_->connection_counts().closed[static_cast<std::size_t>(why)];
  }
  // Until as many have ended as were told to: some are still on their way.
  void AwaitEnded(ConnectionEnd why, const std::function<std::uint64_t()>& told) const {
    const MonoNanos give_up = MonotonicNow() + 20 * kNanosPerSecond;
    while (Ended(why) != told() && MonotonicNow() < give_up) std::this_thread::yield();
    EXPECT_EQ(Ended(why), told());
  }
  // A connected socket without a protocol.
  int Connect() {
    const std::string path = address_.substr(std::string_view("unix:").size());
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, path.size());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    return fd;
  }
  // Connects, with the preface and settings of a client that says no more.
  int ConnectAndSayHello() {
    constexpr std::string_view kHello("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
    const int fd = Connect();
    EXPECT_EQ(::send(fd, kHello.data(), kHello.size(), 0), 33);
    return fd;
  }
  // Reads until the server closes; false when it does not within 20 s.
  static bool ClosedByServer(int fd) {
    char buffer[4096];
    for (;;) {
      pollfd poll_fd{.fd = fd, .events = POLLIN, .revents = 0};
      if (::poll(&poll_fd, 1, 20'000) != 1) return false;
      if (::recv(fd, buffer, sizeof buffer, 0) <= 0) return true;
    }
  }
};

BytesValue Value(std::string_view bytes) {
  BytesValue message;
  message.set_value(std::string(bytes));
  return message;
}

TEST_F(CallServerTest, ServesOverTcpAndUnixSockets) {
  for (const std::string& address : {std::string("127.0.0.1:0"), SocketAddress()}) {
    Start(address);
    Channel channel = Dial();
    for (std::size_t size : {0u, 10u, 100'000u, 3u << 20}) {
      BytesValue answer;
      const auto reply =
          channel.Call(EchoDispatcher::kUnary, Value(std::string(size, 'x')), answer);
      ASSERT_TRUE(reply) << reply.error().ToString();
      EXPECT_EQ(answer.value().size(), size);
    }
  }
}

TEST_F(CallServerTest, AnAddressInUseIsSaidSo) {
  Start();
  const auto second = server_->Listen(address_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().reason(), "ADDRESS_IN_USE");
}

TEST_F(CallServerTest, DrainWaitsForCallsInFlight) {
  Start();
  Result<Reply> reply = std::unexpected(Error(Code::kUnknown, "NOT_CALLED", ""));
  std::thread caller([&] {
    Channel channel = Dial();
    BytesValue answer;
    reply = channel.Call(EchoDispatcher::kHold, Value(""), answer);
  });
  AwaitStarted(1);
  EXPECT_FALSE(server_->Drain(MonotonicNow() + 50 * kNanosPerMilli));
  Release();
  caller.join();
  EXPECT_TRUE(reply) << reply.error().ToString();
  EXPECT_TRUE(server_->Drain(MonotonicNow() + 20 * kNanosPerSecond));
}

TEST_F(CallServerTest, StopTellsCallsThatAreLeft) {
  Start();
  Result<Reply> reply = std::unexpected(Error(Code::kUnknown, "NOT_CALLED", ""));
  std::thread caller([&] {
    Channel channel = Dial();
    BytesValue answer;
    reply = channel.Call(EchoDispatcher::kHold, Value(""), answer);
  });
  AwaitStarted(1);
  server_->Stop();
  caller.join();
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().reason(), "SERVER_STOPPING");
}

TEST_F(CallServerTest, WhenFullTheConnectionThatIsMissedLeastMakesRoom) {
  limits_.max_connections = 2;
  Start(SocketAddress());
  Channel channel = Dial();
  BytesValue answer;
  ASSERT_TRUE(channel.Call(EchoDispatcher::kUnary, Value("x"), answer));
  const int says_nothing = Connect();
  const int second = Connect();
  EXPECT_TRUE(ClosedByServer(says_nothing));
  Channel newcomer = Dial();
  EXPECT_TRUE(newcomer.Call(EchoDispatcher::kUnary, Value("x"), answer));
  EXPECT_TRUE(ClosedByServer(second));
  // Now one that has made calls must go; its client finds that out and comes again.
  Channel third = Dial();
  EXPECT_TRUE(third.Call(EchoDispatcher::kUnary, Value("x"), answer));
  EXPECT_TRUE(channel.Call(EchoDispatcher::kUnary, Value("x"), answer));
  EXPECT_EQ(server_->crowding().refused, 0u);
  EXPECT_GE(server_->crowding().given_up, 3u);
  AwaitEnded(ConnectionEnd::kCrowded, [this] { return server_->crowding().given_up; });
  EXPECT_LE(server_->connections(), 2);
  ::close(says_nothing);
  ::close(second);
}

TEST_F(CallServerTest, ConnectionsWithCallsAreNotGivenUp) {
  limits_.max_connections = 1;
  Start(SocketAddress());
  Result<Reply> reply = std::unexpected(Error(Code::kUnknown, "NOT_CALLED", ""));
  std::thread caller([&] {
    Channel channel = Dial();
    BytesValue answer;
    reply = channel.Call(EchoDispatcher::kHold, Value(""), answer);
  });
  AwaitStarted(1);
  const int second = Connect();
  EXPECT_TRUE(ClosedByServer(second));
  ::close(second);
  EXPECT_EQ(server_->crowding().refused, 1u);
  Release();
  caller.join();
  EXPECT_TRUE(reply) << reply.error().ToString();
}

// Each holds a part of a request; together it is too much, and those go that have waited longest.
TEST_F(CallServerTest, ConnectionsThatHoldTooMuchAreClosed) {
  limits_.max_message_bytes = 200'000;
  limits_.max_buffered_bytes = 400'000;
  Start(SocketAddress());
  Channel channel = Dial();
  BytesValue answer;
  ASSERT_TRUE(channel.Call(EchoDispatcher::kUnary, Value("x"), answer));
  const std::string part = "POST " + std::string(EchoDispatcher::kUnary) +
                           " HTTP/1.1\r\nHost: a\r\nContent-Type: application/proto\r\n"
                           "Content-Length: 190000\r\n\r\n" +
                           std::string(150'000, 'p');
  std::vector<int> holders;
  for (int i = 0; i < 5; ++i) {
    holders.push_back(Connect());
    ASSERT_EQ(::send(holders.back(), part.data(), part.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(part.size()));
  }
  std::vector<pollfd> polled;
  for (const int fd : holders) polled.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  EXPECT_GE(::poll(polled.data(), polled.size(), 20'000), 1) << "nobody was closed";
  EXPECT_GE(server_->crowding().relieved, 1u);
  AwaitEnded(ConnectionEnd::kMemory, [this] { return server_->crowding().relieved; });
  EXPECT_TRUE(channel.Call(EchoDispatcher::kUnary, Value("x"), answer));
  for (const int fd : holders) ::close(fd);
}

TEST_F(CallServerTest, AConnectionThatSaysNothingIsClosed) {
  limits_.handshake_timeout = 20 * kNanosPerMilli;
  Start(SocketAddress());
  const int fd = Connect();
  EXPECT_TRUE(ClosedByServer(fd));
  ::close(fd);
}

TEST_F(CallServerTest, APeerThatAnswersNoPingIsClosed) {
  limits_.keepalive_time = 20 * kNanosPerMilli;
  limits_.keepalive_timeout = 20 * kNanosPerMilli;
  limits_.handshake_timeout = 20 * kNanosPerMilli;
  Start(SocketAddress());
  const int fd = ConnectAndSayHello();
  EXPECT_TRUE(ClosedByServer(fd));
  ::close(fd);
}

TEST_F(CallServerTest, AConnectionWithoutCallsIsDrained) {
  limits_.idle_timeout = 20 * kNanosPerMilli;
  limits_.handshake_timeout = 20 * kNanosPerMilli;
  Start(SocketAddress());
  const int fd = ConnectAndSayHello();
  EXPECT_TRUE(ClosedByServer(fd));
  ::close(fd);
}

// A client that sends and never reads must not make the server hold answers without bound.
TEST_F(CallServerTest, APeerThatDoesNotReadIsNotReadFrom) {
  limits_.max_unsent_bytes = 256 * 1024;
  Start();
  ChannelOptions options;
  options.target = address_;
  dispatcher_.repeats = 100'000;
  {
    Channel channel(std::move(options));
    auto stream = channel.Stream(EchoDispatcher::kRepeat, Value(std::string(10'000, 'x')));
    ASSERT_TRUE(stream);
    BytesValue message;
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(stream->Read(message));
    const int written = OnShard([&] { return dispatcher_.written; });
    // The client's window and what both sides buffer: far below the gigabyte of the whole stream.
    EXPECT_LT(written, 2'000);
  }
  // The client has gone: the writer hears of it.
  while (OnShard([&] { return dispatcher_.finished; }) < 1) std::this_thread::yield();
  EXPECT_FALSE(OnShard([&] { return dispatcher_.cancelled; }).empty());
}

TEST_F(CallServerTest, UnixSocketsSayWhoConnected) {
  for (const std::string& address : {std::string("127.0.0.1:0"), SocketAddress()}) {
    Start(address);
    Channel channel = Dial();
    BytesValue answer;
    const auto reply = channel.Call(EchoDispatcher::kTell, Value(""), answer);
    ASSERT_TRUE(reply) << reply.error().ToString();
    const bool is_unix = address == SocketAddress();
    EXPECT_EQ(reply->Header("x-identity"), is_unix ? "unix:" + std::to_string(::getuid()) : "");
  }
}

TEST_F(CallServerTest, CertificatesSayWhoConnected) {
  testing::Certificates files;
  files.Make("server", "IP:127.0.0.1");
  files.Make("ann", "DNS:ann");
  files.Make("app", "URI:spiffe://example.org/app");
  for (const bool asked : {true, false}) {
    server_ = std::make_unique<CallServer>(shards_, dispatcher_, limits_);
    const auto tls = TlsContext::Load({.certificate = files.File("server.pem"),
                                       .key = files.File("server.key"),
                                       .client_ca = asked ? files.File("ca.pem") : ""});
    ASSERT_TRUE(tls) << tls.error().ToString();
    server_->UseTls(*tls);
    address_ = *server_->Listen("127.0.0.1:0");
    const auto identity = [&](const std::string& name) -> std::string {
      ChannelOptions options;
      options.target = address_;
      options.tls = ClientTlsOptions{.ca_file = files.File("ca.pem"),
                                     .cert_file = files.File(name + ".pem"),
                                     .key_file = files.File(name + ".key"),
                                     .server_name = ""};
      Channel channel(std::move(options));
      BytesValue answer;
      // Twice on one connection: it is the connection that proves it.
      for (int i = 0; i < 2; ++i) {
        const auto reply = channel.Call(EchoDispatcher::kTell, Value(""), answer);
        if (!reply) return reply.error().ToString();
        if (i == 1) return std::string(reply->Header("x-identity"));
      }
      return "";
    };
    EXPECT_EQ(identity("ann"), asked ? "x509:CN=ann" : "");
    EXPECT_EQ(identity("app"), asked ? "spiffe://example.org/app" : "");
  }
}

TEST_F(CallServerTest, StressManyClientsThatComeAndGo) {
  Start();
  std::vector<std::thread> clients;
  std::atomic<int> failures = 0;
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        Channel channel = Dial();
        BytesValue answer;
        const std::string value(static_cast<std::size_t>(round) * 999, 'v');
        if (!channel.Call(EchoDispatcher::kUnary, Value(value), answer) ||
            answer.value() != value) {
          ++failures;
        }
        // Left open on purpose: the connection ends with the call in flight.
        auto stream = channel.Stream(EchoDispatcher::kHold, Value(""));
        if (!stream) ++failures;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(failures, 0);
  server_->Stop();
  EXPECT_EQ(dispatcher_.started, dispatcher_.finished);
}

}  // namespace
}  // namespace prism::rpc

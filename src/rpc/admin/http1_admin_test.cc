#include "rpc/admin/http1_admin.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>

#include "runtime/sync_wait.h"

namespace prism::rpc {
namespace {

class Pages final : public HttpGetHandler {
 public:
  runtime::Task<HttpReply> Get(std::string target) override {
    if (target == "/big") co_return HttpReply{.body = std::string(4u << 20, 'b')};
    co_return HttpReply{.status = target == "/missing" ? 404 : 200, .body = "page " + target};
  }
};

runtime::Task<void> Drain(Http1AdminServer& server) {
  server.Close();
  co_await server.Drained();
}

class Http1AdminTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(shards_.Start().has_value());
    Http1AdminLimits limits;
    limits.idle_time = std::chrono::milliseconds(200);
    limits.max_connections = 2;
    server_ = std::make_unique<Http1AdminServer>(shards_.at(0), pages_, limits);
  }
  void TearDown() override {
    runtime::RunOn(shards_.at(0), [&] { return Drain(*server_); });
    shards_.Stop();
  }

  int Connect() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    shards_.at(0).Post([this, fd = ends[0]] { server_->Adopt(fd); });
    return ends[1];
  }

  static void Send(int fd, std::string_view text) {
    ASSERT_EQ(::send(fd, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }

  // Everything until the server closes.
  static std::string ReadAll(int fd) {
    std::string all;
    char bytes[4096];
    for (ssize_t got; (got = ::recv(fd, bytes, sizeof bytes, 0)) > 0;)
      all.append(bytes, static_cast<std::size_t>(got));
    ::close(fd);
    return all;
  }

  std::string Ask(std::string_view request) {
    const int fd = Connect();
    Send(fd, request);
    return ReadAll(fd);
  }

  Pages pages_;
  runtime::ShardPool shards_{1};
  std::unique_ptr<Http1AdminServer> server_;
};

TEST_F(Http1AdminTest, AnswersGetAndHead) {
  const std::string got = Ask("GET /livez?x=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(got.starts_with("HTTP/1.1 200 OK\r\n")) << got;
  EXPECT_TRUE(got.ends_with("\r\n\r\npage /livez?x=1")) << got;
  const std::string head = Ask("HEAD /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_NE(head.find("Content-Length: 11\r\n"), std::string::npos) << head;
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
  EXPECT_TRUE(Ask("GET /missing HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 404 Not Found\r\n"));
}

TEST_F(Http1AdminTest, KeepsTheConnectionAndAnswersPipelinedRequestsInOrder) {
  const int fd = Connect();
  Send(fd,
       "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\nGET /c "
       "HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string all = ReadAll(fd);
  const auto a = all.find("page /a");
  const auto b = all.find("page /b");
  const auto c = all.find("page /c");
  EXPECT_TRUE(a < b && b < c && c != std::string::npos) << all;
}

TEST_F(Http1AdminTest, BytesMayComeOneByOne) {
  const int fd = Connect();
  for (const char c :
       std::string_view("GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
    Send(fd, {&c, 1});
  EXPECT_TRUE(ReadAll(fd).ends_with("page /slow"));
}

TEST_F(Http1AdminTest, LargeAnswersArriveWhole) {
  EXPECT_GT(Ask("GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").size(), 4u << 20);
}

TEST_F(Http1AdminTest, WhatIsWrongIsRefusedAndTheConnectionEnds) {
  EXPECT_TRUE(
      Ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").starts_with("HTTP/1.1 405 "));
  EXPECT_TRUE(Ask("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
                  .starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(Ask("\x16\x03\x01 no http\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(Ask("GET / HTTP/1.1\r\nX: " + std::string(9'000, 'x') + "\r\n\r\n")
                  .starts_with("HTTP/1.1 431 "));
}

TEST_F(Http1AdminTest, IdleAndSurplusConnectionsAreClosed) {
  const int first = Connect();
  const int second = Connect();
  EXPECT_EQ(ReadAll(Connect()), "");   // the third: above the limit
  Send(second, "GET / HTTP/1.1\r\n");  // never completed
  EXPECT_EQ(ReadAll(second), "");
  EXPECT_EQ(ReadAll(first), "");
}

}  // namespace
}  // namespace prism::rpc

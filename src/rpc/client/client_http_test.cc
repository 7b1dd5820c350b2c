#include "rpc/client/client_http.h"

#include <gtest/gtest.h>

namespace prism::rpc {
namespace {

// Feeds the response in pieces; the reply, or the reason of the error.
std::string Parse(std::string_view text, std::size_t piece = 1, std::uint64_t max_body = 1000) {
  HttpResponseParser parser(max_body);
  while (true) {
    const std::string_view part = text.substr(0, piece);
    text.remove_prefix(part.size());
    const Result<bool> done = parser.Feed(part, text.empty());
    if (!done) return std::string(done.error().reason());
    if (*done) return std::to_string(parser.reply().status) + " " + parser.reply().body;
    if (text.empty()) return "unfinished";
  }
}

TEST(HttpResponseParserTest, ReadsEveryFraming) {
  for (const std::size_t piece : {1, 7, 10'000}) {
    EXPECT_EQ(Parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", piece), "200 hello");
    EXPECT_EQ(Parse("HTTP/1.1 503 No\r\nTransfer-Encoding: "
                    "chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
                    piece),
              "503 abc0123456789");
    EXPECT_EQ(Parse("HTTP/1.0 200 OK\r\n\r\nuntil the end", piece), "200 until the end");
    EXPECT_EQ(
        Parse("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", piece),
        "200 ");
  }
}

TEST(HttpResponseParserTest, RefusesWhatIsBrokenOrTooLarge) {
  EXPECT_EQ(Parse("SSH-2.0-OpenSSH\r\n\r\n"), "NOT_HTTP");
  EXPECT_EQ(Parse("HTTP/1.1 200 OK\r\n"), "NOT_HTTP");
  EXPECT_EQ(Parse("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), "NOT_HTTP");
  EXPECT_EQ(Parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"), "NOT_HTTP");
  EXPECT_EQ(Parse("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"), "NOT_HTTP");
  EXPECT_EQ(Parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "NOT_HTTP");
  EXPECT_EQ(Parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffe\r\nx"),
            "MESSAGE_TOO_LARGE");
  EXPECT_EQ(Parse("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"), "MESSAGE_TOO_LARGE");
  EXPECT_EQ(Parse("HTTP/1.1 200 OK\r\n\r\n" + std::string(1001, 'x')), "MESSAGE_TOO_LARGE");
}

TEST(ClientTargetTest, ReadsEveryForm) {
  const auto read = [](std::string_view text) {
    const Result<ClientTarget> target = ClientTarget::Parse(text);
    return target ? target->ToString() : std::string(target.error().reason());
  };
  EXPECT_EQ(read("localhost:1"), "localhost:1");
  EXPECT_EQ(read(":8980"), "127.0.0.1:8980");
  EXPECT_EQ(read("[::1]:8980"), "[::1]:8980");
  EXPECT_EQ(read("unix:/run/prism.sock"), "unix:/run/prism.sock");
  for (const char* bad : {"", "host", "host:", "host:0", "host:65536", "host:1x", "::1:80",
                          "http://host:80", "unix:"}) {
    EXPECT_EQ(read(bad), "BAD_ADDRESS") << bad;
  }
  EXPECT_EQ(read("unix:/" + std::string(200, 'x')), "BAD_ADDRESS");
}

}  // namespace
}  // namespace prism::rpc

// Requests that two servers might read differently, or that no honest client sends: all refused,
// and nothing behind them is read.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/http/http1_codec.h"
#include "rpc/testing/http_recorder.h"

namespace prism::rpc {
namespace {

constexpr std::string_view kNext = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

struct Case {
  std::string_view name;
  std::string request;
  int status = 400;  // 0: the connection ends without an answer
};

void PrintTo(const Case& item, std::ostream* out) { *out << item.name; }

std::string Get(std::string_view fields) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}
std::string Post(std::string_view fields, std::string_view body) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n" + std::string(body);
}
std::string Line(std::string_view line) { return std::string(line) + "\r\nHost: a\r\n\r\n"; }
std::string Host(std::string_view field) {
  return "GET / HTTP/1.1\r\n" + std::string(field) + "\r\n\r\n";
}
std::string Chunks(std::string_view body) { return Post("Transfer-Encoding: chunked\r\n", body); }

// How long the body is.
std::vector<Case> RefusedLengths() {
  return {
      {"length and chunked", Post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n")},
      {"chunked and length", Post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n")},
      {"two lengths", Post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello")},
      {"same length twice", Post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")},
      {"two lengths, other case", Post("Content-Length: 5\r\ncontent-length: 6\r\n", "hello")},
      {"length list", Post("Content-Length: 5, 5\r\n", "hello")},
      {"length signed", Post("Content-Length: +5\r\n", "hello")},
      {"length negative", Post("Content-Length: -1\r\n", "hello")},
      {"length hexadecimal", Post("Content-Length: 0x5\r\n", "hello")},
      {"length fraction", Post("Content-Length: 5.0\r\n", "hello")},
      {"length with space", Post("Content-Length: 5 5\r\n", "hello")},
      {"length empty", Post("Content-Length:\r\n", "hello")},
      {"length blank", Post("Content-Length:  \t\r\n", "hello")},
      {"length word", Post("Content-Length: five\r\n", "hello")},
      {"length beyond 64 bits", Post("Content-Length: 18446744073709551621\r\n", "hello")},
      {"length quoted", Post("Content-Length: \"5\"\r\n", "hello")},
      {"encoding gzip", Post("Transfer-Encoding: gzip\r\n", "")},
      {"encoding identity", Post("Transfer-Encoding: identity\r\n", "")},
      {"encoding gzip, chunked", Post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n")},
      {"encoding chunked, identity", Post("Transfer-Encoding: chunked, identity\r\n", "0\r\n")},
      {"encoding chunked twice in one", Post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n")},
      {"encoding chunked twice",
       Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n")},
      {"encoding two fields",
       Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n")},
      {"encoding xchunked", Post("Transfer-Encoding: xchunked\r\n", "0\r\n")},
      {"encoding with parameter", Post("Transfer-Encoding: chunked;q=1\r\n", "0\r\n")},
      {"encoding quoted", Post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n")},
      {"encoding empty", Post("Transfer-Encoding:\r\n", "0\r\n")},
      {"encoding behind vertical tab", Post("Transfer-Encoding: \vchunked\r\n", "0\r\n")},
      {"encoding before control", Post("Transfer-Encoding: chunked\x01\r\n", "0\r\n")},
      {"encoding in HTTP/1.0",
       "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"expectation unknown", Post("Expect: the-best\r\nContent-Length: 1\r\n", "x"), 417},
  };
}

std::vector<Case> RefusedLines() {
  return {
      {"bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"},
      {"bare LF after a field", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"},
      {"bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n"},
      {"bare LF everywhere", "GET / HTTP/1.1\nHost: a\n\n"},
      {"bare CR after the request line", "GET / HTTP/1.1\rHost: a\r\n\r\n"},
      {"bare CR in a value", Get("X: a\rContent-Length: 5\r\n")},
      {"bare CR before CRLF", Get("X: a\r\r\n")},
      {"bare CR in a name", Get("X\r: a\r\n")},
      {"obs-fold by space", Get("X: a\r\n b\r\n")},
      {"obs-fold by tab", Get("X: a\r\n\tb\r\n")},
      {"obs-fold of a length", Post("Content-Length: 5\r\n 0\r\n", "hello")},
      {"folded first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
      {"two empty lines in front", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"bare LF in front", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
  };
}

// Names, values, and whose the request is.
std::vector<Case> RefusedFields() {
  using namespace std::string_literals;
  return {
      {"space before the colon", Get("X : a\r\n")},
      {"tab before the colon", Get("X\t: a\r\n")},
      {"space before the length's colon", Post("Content-Length : 5\r\n", "hello")},
      {"space before the encoding's colon", Post("Transfer-Encoding : chunked\r\n", "0\r\n")},
      {"name empty", Get(": a\r\n")},
      {"name with space", Get("X Y: a\r\n")},
      {"name in parentheses", Get("(X): a\r\n")},
      {"name not ASCII", Get("X\xc3\xa4: a\r\n")},
      {"name like a pseudo-header", Get(":path: /admin\r\n")},
      {"name with NUL", Get("X\0Y: a\r\n"s)},
      {"no colon", Get("X\r\n")},
      {"value with NUL", Get("X: a\0b\r\n"s)},
      {"value with DEL", Get("X: a\x7f\r\n")},
      {"value with escape", Get("X: a\x1b[0m\r\n")},
      {"connection no list", Get("Connection: close close\r\n")},
      {"no host", Host("X: a")},
      {"two hosts", Host("Host: a\r\nHost: b")},
      {"same host twice", Host("Host: a\r\nHost: a")},
      {"two hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"},
      {"host empty", Host("Host:")},
      {"host list", Host("Host: a,b")},
      {"host with space", Host("Host: a b")},
      {"host with path", Host("Host: a/b")},
      {"host with user", Host("Host: user@a")},
      {"host not ASCII", Host("Host: \xc3\xa4")},
  };
}

std::vector<Case> RefusedRequestLines() {
  using namespace std::string_literals;
  return {
      {"no version", Line("GET /")},
      {"method only", Line("GET"), 0},
      {"version lower case", Line("GET / http/1.1")},
      {"version short", Line("GET / HTTP/1")},
      {"version long", Line("GET / HTTP/1.10")},
      {"version other word", Line("GET / HTCPCP/1.0")},
      {"version 2.0", Line("GET / HTTP/2.0"), 505},
      {"version 1.2", Line("GET / HTTP/1.2"), 505},
      {"version 0.9", Line("GET / HTTP/0.9"), 505},
      {"space behind the version", Line("GET / HTTP/1.1 ")},
      {"two spaces before the target", Line("GET  / HTTP/1.1")},
      {"two spaces behind the target", Line("GET /  HTTP/1.1")},
      {"tab for a space", Line("GET\t/ HTTP/1.1")},
      {"space in front", Line(" GET / HTTP/1.1")},
      {"method with colon", Line("G:T / HTTP/1.1")},
      {"method not ASCII", Line("G\xc3\x8bT / HTTP/1.1")},
      {"target with space", Line("GET /a b HTTP/1.1")},
      {"target with control", Line("GET /a\x01 HTTP/1.1")},
      {"target not ASCII", Line("GET /\xc3\xa4 HTTP/1.1")},
      {"target with fragment", Line("GET /#a HTTP/1.1")},
      {"target with backslash", Line("GET /a\\b HTTP/1.1")},
      {"target with quote", Line("GET /\" HTTP/1.1")},
      {"target with NUL", Line("GET /\0 HTTP/1.1"s)},
      {"target relative", Line("GET a HTTP/1.1")},
      {"target other scheme", Line("GET ftp://a/ HTTP/1.1")},
      {"target file", Line("GET file:///etc/passwd HTTP/1.1")},
      {"target without authority", Line("GET http:///a HTTP/1.1")},
      {"target with user", Line("GET http://u:p@a/ HTTP/1.1")},
      {"asterisk with GET", Line("GET * HTTP/1.1")},
      {"authority-form", Line("CONNECT a:443 HTTP/1.1")},
      {"TLS", "\x16\x03\x01\x02\x00\x01\r\n"s, 0},
      {"text", "hello\r\n", 0},
  };
}

std::vector<Case> RefusedSizes() {
  return {
      {"line too long", Line("GET /" + std::string(9'000, 'a') + " HTTP/1.1"), 414},
      {"line too long, no end", "GET /" + std::string(9'000, 'a'), 414},
      {"field too long", Get("X: " + std::string(20'000, 'x') + "\r\n"), 431},
      {"field too long, no end", "GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x'), 431},
      {"fields too many",
       [] {
         std::string fields;
         for (int i = 0; i < 200; ++i) fields += "X: y\r\n";
         return Get(fields);
       }(),
       431},
  };
}

std::vector<Case> RefusedBodies() {
  return {
      {"size empty", Chunks("\r\nhello\r\n0\r\n\r\n")},
      {"size word", Chunks("five\r\nhello\r\n0\r\n\r\n")},
      {"size with prefix", Chunks("0x5\r\nhello\r\n0\r\n\r\n")},
      {"size signed", Chunks("+5\r\nhello\r\n0\r\n\r\n")},
      {"size negative", Chunks("-5\r\nhello\r\n0\r\n\r\n")},
      {"size behind space", Chunks(" 5\r\nhello\r\n0\r\n\r\n")},
      {"size before space", Chunks("5 \r\nhello\r\n0\r\n\r\n")},
      {"size before tab and extension", Chunks("5\t;a\r\nhello\r\n0\r\n\r\n")},
      {"size beyond 64 bits", Chunks("10000000000000005\r\nhello\r\n0\r\n\r\n")},
      {"size with bare LF", Chunks("5\nhello\r\n0\r\n\r\n")},
      {"size with bare CR", Chunks("5\rhello\r\n0\r\n\r\n")},
      {"last size with bare LF", Chunks("0\n\r\n")},
      {"data too short", Chunks("6\r\nhello\r\n0\r\n\r\n")},
      {"data too long", Chunks("4\r\nhello\r\n0\r\n\r\n")},
      {"data ends with LF", Chunks("5\r\nhello\n0\r\n\r\n")},
      {"data ends with CR", Chunks("5\r\nhello\r0\r\n\r\n")},
      {"extension without name", Chunks("5;\r\nhello\r\n0\r\n\r\n")},
      {"extension with open quote", Chunks("5;a=\"b\r\nhello\r\n0\r\n\r\n")},
      {"extension with LF in quotes", Chunks("5;a=\"\n\"\r\nhello\r\n0\r\n\r\n")},
      {"extension with control", Chunks("5;a=\"\x01\"\r\nhello\r\n0\r\n\r\n")},
      {"extension too long", Chunks("5;a=" + std::string(300, 'b') + "\r\nhello\r\n0\r\n\r\n")},
      {"extension without end", Chunks("5;a=" + std::string(300, 'b'))},
      {"trailer folded", Chunks("0\r\nA: b\r\n c\r\n\r\n")},
      {"trailer with bare LF", Chunks("0\r\nA: b\n\r\n")},
      {"trailer without colon", Chunks("0\r\nA\r\n\r\n")},
      {"trailer with control", Chunks("0\r\nA: \x02\r\n\r\n")},
      {"trailer is a length", Chunks("0\r\nContent-Length: 5\r\n\r\n")},
      {"trailer is an encoding", Chunks("0\r\nTransfer-Encoding: chunked\r\n\r\n")},
      {"trailers too large", Chunks("0\r\nA: " + std::string(20'000, 'b') + "\r\n\r\n"), 431},
  };
}

class Smuggling : public ::testing::TestWithParam<Case> {
 protected:
  // Feeds pieces until the codec has had enough; returns what it answers.
  std::string Feed(std::string_view bytes, std::size_t piece) {
    std::string out;
    bool open = true;
    while (open && !bytes.empty()) {
      const std::string part(bytes.substr(0, piece));
      bytes.remove_prefix(part.size());
      open = codec_->OnBytes(part, kNanosPerSecond);
      codec_->Produce(out, 1 << 20);
    }
    EXPECT_FALSE(open);
    EXPECT_TRUE(codec_->finished());
    EXPECT_FALSE(codec_->OnBytes(kNext, kNanosPerSecond));
    return out;
  }

  void ExpectRefused(std::size_t piece) {
    const Case& item = GetParam();
    const std::string out = Feed(item.request + std::string(kNext), piece);
    if (item.status == 0) {
      EXPECT_EQ(out, "");
      EXPECT_TRUE(recorder_.streams.empty());
      return;
    }
    EXPECT_TRUE(out.starts_with("HTTP/1.1 " + std::to_string(item.status) + " ")) << out;
    EXPECT_NE(out.find("connection: close\r\n"), std::string::npos) << out;
    EXPECT_EQ(out.find("HTTP/1.1 ", 1), std::string::npos) << "a second answer: " << out;
    ASSERT_EQ(recorder_.streams.size(), 1u);
    const testing::RecordedStream& stream = recorder_.last();
    ASSERT_TRUE(stream.unreadable);
    EXPECT_TRUE(stream.unreadable->reason.starts_with("H")) << stream.unreadable->reason;
    EXPECT_NE(stream.unreadable->advice, "");
    EXPECT_TRUE(out.ends_with(stream.unreadable->reason)) << out;
    EXPECT_NE(stream.Header(":path"), "/smuggled");
    EXPECT_FALSE(stream.ended);
    EXPECT_TRUE(stream.closed);
  }

  Smuggling() { recorder_.codec = codec_.get(); }

  testing::HttpRecorder recorder_;
  std::unique_ptr<HttpCodec> codec_ = MakeHttp1Codec(recorder_, {});
};

TEST_P(Smuggling, IsRefusedWhole) { ExpectRefused(std::string::npos); }
TEST_P(Smuggling, IsRefusedByteByByte) { ExpectRefused(1); }
TEST_P(Smuggling, IsRefusedInPieces) { ExpectRefused(7); }

std::string TestName(const ::testing::TestParamInfo<Case>& info) {
  std::string name(info.param.name);
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Length, Smuggling, ::testing::ValuesIn(RefusedLengths()), TestName);
INSTANTIATE_TEST_SUITE_P(Line, Smuggling, ::testing::ValuesIn(RefusedLines()), TestName);
INSTANTIATE_TEST_SUITE_P(Field, Smuggling, ::testing::ValuesIn(RefusedFields()), TestName);
INSTANTIATE_TEST_SUITE_P(RequestLine, Smuggling, ::testing::ValuesIn(RefusedRequestLines()),
                         TestName);
INSTANTIATE_TEST_SUITE_P(Size, Smuggling, ::testing::ValuesIn(RefusedSizes()), TestName);
INSTANTIATE_TEST_SUITE_P(Body, Smuggling, ::testing::ValuesIn(RefusedBodies()), TestName);

// The same strictness must not hit what honest clients send.
struct Accepted {
  std::string_view name;
  std::string request;
  std::string_view path = "/";
  std::string_view authority = "a";
  std::string_view body = {};
};

void PrintTo(const Accepted& item, std::ostream* out) { *out << item.name; }

class Honest : public ::testing::TestWithParam<Accepted> {
 protected:
  void ExpectAccepted(std::size_t piece) {
    testing::HttpRecorder recorder;
    const auto codec = MakeHttp1Codec(recorder, {}, "https");
    const Accepted& item = GetParam();
    std::string out;
    for (std::string_view rest = item.request; !rest.empty();) {
      const std::string part(rest.substr(0, piece));
      rest.remove_prefix(part.size());
      ASSERT_TRUE(codec->OnBytes(part, kNanosPerSecond));
    }
    codec->Produce(out, 1 << 20);
    EXPECT_EQ(out, "");
    ASSERT_EQ(recorder.streams.size(), 1u);
    EXPECT_EQ(recorder.last().Header(":path"), item.path);
    EXPECT_EQ(recorder.last().Header(":authority"), item.authority);
    EXPECT_EQ(recorder.last().request_body, item.body);
    EXPECT_TRUE(recorder.last().ended);
  }
};

TEST_P(Honest, IsTakenWhole) { ExpectAccepted(std::string::npos); }
TEST_P(Honest, IsTakenByteByByte) { ExpectAccepted(1); }

INSTANTIATE_TEST_SUITE_P(
    All, Honest,
    ::testing::Values(
        Accepted{"plain", Get("")}, Accepted{"empty line in front", "\r\n" + Get("")},
        Accepted{"values of all kinds", Get("A:\r\nB: \t \r\nC:c\r\nD: \xc3\xa4\td \r\n")},
        Accepted{"query", Line("GET /a?b=%20{c}|[d] HTTP/1.1"), "/a?b=%20{c}|[d]"},
        Accepted{"absolute", Line("GET http://b:80/c?d HTTP/1.1"), "/c?d", "b:80"},
        Accepted{"absolute without path", Line("GET HTTPS://b HTTP/1.1"), "/", "b"},
        Accepted{"absolute with query only", Line("GET http://b?c HTTP/1.1"), "/?c", "b"},
        Accepted{"asterisk", Line("OPTIONS * HTTP/1.1"), "*"},
        Accepted{"version 1.0", "GET / HTTP/1.0\r\n\r\n", "/", "(none)"},
        Accepted{"IPv6", Host("Host: [::1]:8980"), "/", "[::1]:8980"},
        Accepted{"length", Post("Content-Length: 5\r\n", "hello"), "/", "a", "hello"},
        Accepted{"length zero", Post("Content-Length: 0\r\n", "")},
        Accepted{"chunks", Chunks("5\r\nhello\r\n00A\r\n, world...\r\n0\r\n\r\n"), "/", "a",
                 "hello, world..."},
        Accepted{"encoding in capitals",
                 Post("TRANSFER-ENCODING: Chunked\r\n", "1\r\nx\r\n0\r\n\r\n"), "/", "a", "x"},
        Accepted{"no chunks", Chunks("0\r\n\r\n")},
        Accepted{"extensions", Chunks("5;a;b=c;d=\"e \\\" f\"\r\nhello\r\n0;last\r\n\r\n"), "/",
                 "a", "hello"},
        Accepted{"trailers", Chunks("5\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\n"), "/", "a", "hello"}),
    [](const auto& info) {
      std::string name(info.param.name);
      std::ranges::replace_if(
          name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
      return name;
    });

}  // namespace
}  // namespace prism::rpc

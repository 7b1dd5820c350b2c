// Requests of HTTP/1.1 that break off because they can't be read: answered, named, counted and
// shown to pages like every other refusal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

#include "rpc/testing/wire.h"
#include "telemetry/request_id.h"

namespace prism::rpc {
namespace {

using testing::EchoDispatcher;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using testing::Wire;
using Json = nlohmann::json;

constexpr std::string_view kChunks = "Host: a\r\nTransfer-Encoding: chunked\r\n";

class Unreadable : public ::testing::Test {
 protected:
  // What the server answers; the connection has ended then.
  std::string Ask(std::string_view bytes) {
    wire_.Feed(bytes);
    EXPECT_FALSE(wire_.server_open);
    return Rest();
  }
  std::string Rest() {
    std::string out;
    wire_.server->Produce(out, 1 << 20);
    EXPECT_TRUE(wire_.server->finished());
    return out;
  }
  static std::string Post(std::string_view path, std::string_view fields) {
    return "POST " + std::string(path) + " HTTP/1.1\r\n" + std::string(fields) + "\r\n";
  }
  static std::string Header(const std::string& answer, const std::string& name) {
    const std::size_t at = answer.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "(none)";
    const std::size_t begin = at + name.size() + 4;
    return answer.substr(begin, answer.find("\r\n", begin) - begin);
  }
  static Json Error(const std::string& answer) {
    return Json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
  }

  Wire wire_{{}, Cors({*base::ParseWebOrigins("https://page")})};
};

TEST_F(Unreadable, AHeadIsRefusedInTheNameThatItsClientGave) {
  const std::string answer =
      Ask("GET /v1/a HTTP/1.1\r\nHost: a\r\nX-Request-Id: order-7\r\nContent-Length: -1\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_EQ(Header(answer, "x-request-id"), "order-7");
  EXPECT_EQ(Header(answer, "connection"), "close");
  EXPECT_EQ(Header(answer, "content-type"), "application/json");
  const Json error = Error(answer);
  EXPECT_EQ(error["code"], "invalid_argument");
  EXPECT_EQ(error["details"][0]["debug"]["reason"], "HTTP_LENGTH_INVALID");
  EXPECT_EQ(error["details"][0]["debug"]["metadata"]["request_id"], "order-7");
  EXPECT_THAT(wire_.dispatcher.refused, ElementsAre("? HTTP_LENGTH_INVALID http"));
  EXPECT_EQ(wire_.server->open_calls(), 0u);
  EXPECT_EQ(wire_.server->held_bytes(), 0u);
}

TEST_F(Unreadable, WithoutAGoodNameItGetsOne) {
  for (const std::string_view head :
       {"GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: a\"b\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nX-Request-Id: behind\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: b\n\r\n", "GET  / HTTP/1.1\r\n"}) {
    Wire wire;
    wire.Feed(head);
    std::string answer;
    wire.server->Produce(answer, 1 << 20);
    EXPECT_EQ(Header(answer, "x-request-id").size(), 16u) << head << answer;
  }
}

TEST_F(Unreadable, EveryKindHasItsStatusAndIsCounted) {
  struct Row {
    std::string request;
    std::string_view status;
    std::string_view code;
    std::string_view reason;
  };
  const std::string host = "Host: a\r\n";
  const std::string large(20'000, 'x');
  for (const Row& row :
       {Row{"GET /" + large, "414", "resource_exhausted", "HTTP_TARGET_TOO_LONG"},
        Row{"GET / HTTP/1.1\r\nX: " + large, "431", "resource_exhausted", "HEADERS_TOO_LARGE"},
        Row{"GET / HTTP/1.2\r\n", "505", "unimplemented", "HTTP_VERSION_UNSUPPORTED"},
        Row{"GET / HTTP/1.1\r\n" + host + "Expect: a\r\n\r\n", "417", "invalid_argument",
            "HTTP_EXPECTATION_UNSUPPORTED"},
        Row{"GET / HTTP/1.1\r\n" + host + "Connection: a b\r\n\r\n", "400", "invalid_argument",
            "HTTP_MALFORMED"}}) {
    Wire wire;
    wire.Feed(row.request);
    std::string answer;
    wire.server->Produce(answer, 1 << 20);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + std::string(row.status) + " "));
    EXPECT_EQ(Error(answer)["code"], row.code);
    EXPECT_TRUE(telemetry::RequestId::IsSane(Header(answer, "x-request-id"))) << answer;
    EXPECT_THAT(wire.dispatcher.refused, ElementsAre("? " + std::string(row.reason) + " http"));
  }
}

TEST_F(Unreadable, AHeadThatTakesTooLongIsRefusedAlike) {
  wire_.Feed("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: slow\r\nOrigin: https://page\r\nX");
  wire_.server->TimeOutHead();
  const std::string answer = Rest();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(Header(answer, "x-request-id"), "slow");
  EXPECT_EQ(Header(answer, "access-control-allow-origin"), "https://page");
  EXPECT_EQ(Error(answer)["code"], "deadline_exceeded");
  EXPECT_THAT(wire_.dispatcher.refused, ElementsAre("? REQUEST_TOO_SLOW http"));
}

TEST_F(Unreadable, PagesThatMayCallMayReadWhy) {
  const std::string answer =
      Ask("GET / HTTP/1.1\r\nOrigin: https://page\r\nHost: a\r\nContent-Length: x\r\n\r\n");
  EXPECT_EQ(Header(answer, "access-control-allow-origin"), "https://page");
  EXPECT_THAT(Header(answer, "access-control-expose-headers"), HasSubstr("x-request-id"));
  EXPECT_EQ(Header(answer, "vary"), "origin");
}

TEST_F(Unreadable, OtherPagesMayNot) {
  const std::string answer =
      Ask("GET / HTTP/1.1\r\nOrigin: https://other\r\nHost: a\r\nContent-Length: x\r\n\r\n");
  EXPECT_THAT(answer, Not(HasSubstr("access-control-")));
  EXPECT_EQ(Header(answer, "vary"), "origin");
}

TEST_F(Unreadable, AHeadRequestHasNoBody) {
  EXPECT_THAT(Ask("HEAD / HTTP/1.1\r\nX-Request-Id: r1\r\n\r\n"), EndsWith("\r\n\r\n"));
}

// The body of a call that had begun well.
TEST_F(Unreadable, ABrokenBodyIsAnsweredInTheNameOfItsCall) {
  const std::string answer =
      Ask(Post(EchoDispatcher::kUnary, std::string(kChunks) +
                                           "Content-Type: application/json\r\nX-Request-Id: r1\r\n"
                                           "Origin: https://page\r\n") +
          "zz\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(Header(answer, "x-request-id"), "r1");
  EXPECT_EQ(Header(answer, "access-control-allow-origin"), "https://page");
  EXPECT_EQ(Error(answer)["details"][0]["debug"]["reason"], "HTTP_CHUNK_MALFORMED");
  EXPECT_THAT(wire_.dispatcher.refused, ElementsAre("/test.Echo/Unary HTTP_CHUNK_MALFORMED http"));
  EXPECT_EQ(wire_.dispatcher.started, 0);
  EXPECT_EQ(wire_.server->held_bytes(), 0u);
}

TEST_F(Unreadable, AMethodThatReadsABrokenBodyIsCancelled) {
  wire_.Feed(Post(EchoDispatcher::kCollect,
                  std::string(kChunks) + "Content-Type: application/connect+proto\r\n"));
  ASSERT_EQ(wire_.dispatcher.started, 1);
  const std::string answer = Ask("zz\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(Error(answer)["details"][0]["debug"]["reason"], "HTTP_CHUNK_MALFORMED");
  EXPECT_EQ(wire_.dispatcher.finished, 1);
  EXPECT_THAT(wire_.dispatcher.refused, ElementsAre()) << "it was served";
  EXPECT_EQ(wire_.server->open_calls(), 0u);
}

// Calls that time out may go on for a while; a connection is no way to collect them.
TEST(Http1Calls, ThoseGivenUpAreBounded) {
  ServerLimits limits;
  limits.max_concurrent_streams = 1;
  Wire wire(limits);
  const auto call = [&wire] {
    wire.Feed("POST " + std::string(EchoDispatcher::kDeaf) +
              " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
              "Connect-Timeout-Ms: 1\r\n\r\n\"\"");
    wire.shard.timers().Advance(MonotonicNow() / kNanosPerMilli + 1000);
    std::string out;
    wire.server->Produce(out, 1 << 20);
    return out;
  };
  EXPECT_THAT(call(), StartsWith("HTTP/1.1 504 "));
  EXPECT_THAT(call(), StartsWith("HTTP/1.1 504 "));
  const std::string refused = call();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refused, HasSubstr("TOO_MANY_CALLS"));
  EXPECT_THAT(refused, HasSubstr("\r\nretry-after: 1\r\n"));
  EXPECT_THAT(wire.dispatcher.refused, ElementsAre("? TOO_MANY_CALLS connect"));
  wire.dispatcher.Release();
  EXPECT_EQ(wire.server->open_calls(), 0u);
  EXPECT_THAT(call(), StartsWith("HTTP/1.1 504 "));
}

}  // namespace
}  // namespace prism::rpc

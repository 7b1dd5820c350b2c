// Queries of Connect's GET, and the calls that they make.
#include "rpc/call/connect_get.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "rpc/query.h"
#include "rpc/testing/wire.h"
#include "rpc/wire/gzip.h"

namespace prism::rpc {
namespace {

using testing::EchoDispatcher;
using testing::Serialized;
using testing::Wire;
using Json = nlohmann::json;

std::string UrlBase64(std::string_view bytes) {
  std::string text = base::Base64Encode(bytes);
  for (char& c : text) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return text;
}

struct Reply {
  std::string status;
  Headers headers;
  std::string body;
  std::string reason() const { return Json::parse(body)["details"][0]["debug"]["reason"]; }
};

Reply Get(std::string_view path, std::string_view query, const Headers& more = {},
          std::string_view verb = "GET", std::string_view body = "") {
  Wire wire;
  Headers headers = {{":method", std::string(verb)},
                     {":scheme", "http"},
                     {":path", std::string(path).append("?").append(query)},
                     {":authority", "test"}};
  headers.insert(headers.end(), more.begin(), more.end());
  const std::int32_t id = wire.Call(headers, body);
  wire.Pump();
  const auto* stream = wire.client.Find(id);
  EXPECT_TRUE(stream->closed);
  Reply reply{std::string(FindHeader(stream->headers, ":status")), stream->headers, ""};
  reply.body = wire.client.TakeBody(id);
  return reply;
}

Reply Look(std::string_view query, const Headers& more = {}) {
  return Get(EchoDispatcher::kLook, query, more);
}

TEST(Query, ReadsParametersStrictly) {
  QueryReader reader("a=1&&b%20c=%C3%A4+x&d&e=");
  const auto expect = [&](std::string_view name, std::string_view value) {
    const auto next = reader.Next();
    ASSERT_TRUE(next && *next);
    EXPECT_EQ((*next)->name, name);
    EXPECT_EQ((*next)->value, value);
  };
  expect("a", "1");
  expect("b c", "ä x");
  expect("d", "");
  expect("e", "");
  EXPECT_FALSE(*reader.Next());
  for (const char* bad : {"a=%", "a=%4", "a=%g0", "%0g=1", "a=%%41"}) {
    const auto next = QueryReader(bad).Next();
    ASSERT_FALSE(next) << bad;
    EXPECT_EQ(next.error().reason(), "QUERY_MALFORMED");
  }
  EXPECT_EQ(PathOf("/a?b?c"), "/a");
  EXPECT_EQ(QueryOf("/a?b?c"), "b?c");
  EXPECT_EQ(QueryOf("/a"), "");
}

TEST(ConnectGet, AnswersInJsonAndProtobuf) {
  const Reply json = Look("connect=v1&encoding=json&message=%22aGVsbG8%3D%22");
  EXPECT_EQ(json.status, "200");
  EXPECT_EQ(FindHeader(json.headers, "content-type"), "application/json");
  EXPECT_EQ(FindHeader(json.headers, "cache-control"), "no-store");
  EXPECT_EQ(json.body, R"("aGVsbG8=")");
  const Reply proto =
      Look("message=" + UrlBase64(Serialized("\xff\xfe?>")) + "&base64=1&encoding=proto");
  EXPECT_EQ(proto.status, "200");
  EXPECT_EQ(FindHeader(proto.headers, "content-type"), "application/proto");
  EXPECT_EQ(proto.body, Serialized("\xff\xfe?>"));
  // Nothing is set in the message.
  EXPECT_EQ(Look("encoding=proto&message=").status, "200");
}

TEST(ConnectGet, CompressesBothWays) {
  const std::string message = Serialized(std::string(5000, 'x'));
  std::string zipped;
  Gzip(message, zipped);
  const Reply reply = Look("encoding=proto&compression=gzip&base64=1&message=" + UrlBase64(zipped),
                           {{"accept-encoding", "gzip"}});
  EXPECT_EQ(reply.status, "200");
  EXPECT_EQ(FindHeader(reply.headers, "content-encoding"), "gzip");
  std::string plain;
  ASSERT_TRUE(Gunzip(reply.body, 10'000, plain));
  EXPECT_EQ(plain, message);
}

TEST(ConnectGet, RefusesWhatIsWrongWithTheQuery) {
  struct Case {
    const char* query;
    const char* reason;
    const char* status = "400";
  };
  for (const Case& c :
       {Case{"", "QUERY_PARAMETER_INVALID"}, Case{"encoding=json", "QUERY_PARAMETER_INVALID"},
        Case{"message=1", "QUERY_PARAMETER_INVALID"},
        Case{"encoding=json&message=1&message=1", "QUERY_PARAMETER_INVALID"},
        Case{"encoding=proto&base64=1&message=a%2Bb%2F", "QUERY_PARAMETER_INVALID"},
        Case{"encoding=proto&base64=1&message=a", "QUERY_PARAMETER_INVALID"},
        Case{"encoding=proto&base64=yes&message=", "QUERY_PARAMETER_INVALID"},
        Case{"encoding=json&message=%2", "QUERY_MALFORMED"},
        Case{"connect=v2&encoding=json&message=1", "CONNECT_VERSION_UNSUPPORTED"},
        Case{"encoding=xml&message=1", "CONTENT_TYPE_UNSUPPORTED", "415"},
        Case{"encoding=grpc&message=1", "CONTENT_TYPE_UNSUPPORTED", "415"},
        Case{"encoding=connect%2Bjson&message=1", "CONTENT_TYPE_UNSUPPORTED", "415"},
        Case{"encoding=json&compression=br&message=1", "COMPRESSION_UNSUPPORTED", "501"},
        Case{"encoding=json&message=%7B", "MALFORMED_MESSAGE"}}) {
    const Reply reply = Look(c.query);
    EXPECT_EQ(reply.status, c.status) << c.query;
    EXPECT_EQ(reply.reason(), c.reason) << c.query;
  }
  EXPECT_EQ(Look("encoding=json&message=1", {{"connect-timeout-ms", "x"}}).reason(),
            "TIMEOUT_INVALID");
}

TEST(ConnectGet, IsForUnaryMethodsWithoutSideEffectsAlone) {
  for (const std::string_view path : {EchoDispatcher::kUnary, EchoDispatcher::kRepeat}) {
    const Reply reply = Get(path, "encoding=proto&message=");
    EXPECT_EQ(reply.status, "405");
    EXPECT_EQ(FindHeader(reply.headers, "allow"), "POST");
    EXPECT_EQ(reply.reason(), "HTTP_METHOD_UNSUPPORTED");
  }
  const Reply put = Get(EchoDispatcher::kLook, "", {}, "PUT");
  EXPECT_EQ(put.status, "404");  // a query belongs to a GET
  const Reply grpc = Get(EchoDispatcher::kLook, "", {{"content-type", "application/grpc"}});
  EXPECT_EQ(grpc.status, "200");
  EXPECT_EQ(FindHeader(grpc.headers, "grpc-status"), "12");
}

TEST(ConnectGet, HasNoBody) {
  const Reply reply =
      Get(EchoDispatcher::kLook, "encoding=proto&message=", {}, "GET", Serialized("x"));
  EXPECT_EQ(reply.status, "400");
  EXPECT_EQ(reply.reason(), "REQUEST_BODY_UNEXPECTED");
}

}  // namespace
}  // namespace prism::rpc

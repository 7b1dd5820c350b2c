// Request ids and trace context: taken over, passed on, and in every answer that names them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "rpc/testing/wire.h"

namespace prism::rpc {
namespace {

using ::testing::Contains;
using testing::EchoDispatcher;
using testing::Framed;
using ::testing::Pair;
using testing::Serialized;
using ::testing::UnorderedElementsAre;
using testing::Wire;
using Json = nlohmann::json;

constexpr std::string_view kTraceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

Headers With(Headers headers, std::initializer_list<std::pair<std::string, std::string>> more) {
  headers.insert(headers.end(), more.begin(), more.end());
  return headers;
}

Headers Grpc(std::string_view path) { return Wire::CallHeaders(path); }
Headers ConnectJson(std::string_view path) {
  Headers headers = Wire::CallHeaders(path);
  headers[4].second = "application/json";
  return headers;
}

// x-request-id of the answer.
std::string IdOf(Wire& wire, std::int32_t id) {
  return std::string(FindHeader(wire.client.Find(id)->headers, "x-request-id"));
}

TEST(RequestIdentity, AnIdIsTakenOverAndEchoed) {
  Wire wire;
  const auto id = wire.Call(With(Grpc(EchoDispatcher::kUnary), {{"x-request-id", "order-7/2"}}),
                            Framed(Serialized("a")));
  wire.Pump();
  EXPECT_TRUE(wire.End(id));
  EXPECT_EQ(wire.dispatcher.last_request_id, "order-7/2");
  EXPECT_EQ(IdOf(wire, id), "order-7/2");
}

TEST(RequestIdentity, AnIdIsMadeAndNotSentWithASuccess) {
  Wire wire;
  const auto id = wire.Call(Grpc(EchoDispatcher::kUnary), Framed(Serialized("a")));
  wire.Pump();
  EXPECT_EQ(wire.dispatcher.last_request_id.size(), 16u);
  EXPECT_EQ(IdOf(wire, id), "");
}

TEST(RequestIdentity, AnIdThatIsNotSaneIsReplacedAndTheAnswerSaysSo) {
  for (const std::string& bad : {std::string("a b"), std::string("a\"b"), std::string(129, 'x')}) {
    Wire wire;
    const auto id = wire.Call(With(Grpc(EchoDispatcher::kUnary), {{"x-request-id", bad}}),
                              Framed(Serialized("a")));
    wire.Pump();
    EXPECT_EQ(wire.dispatcher.last_request_id.size(), 16u);
    EXPECT_EQ(IdOf(wire, id), wire.dispatcher.last_request_id);
  }
}

TEST(RequestIdentity, ErrorsNameTheRequestInEveryFormat) {
  for (const std::string_view type :
       {"application/grpc", "application/grpc-web", "application/json", "application/proto"}) {
    Wire wire;
    Headers headers = Grpc(EchoDispatcher::kFail);
    headers[4].second = type;
    const bool framed = type.starts_with("application/grpc");
    const std::string body = type == "application/json" ? "\"\"" : "";
    const auto id = wire.Call(headers, framed ? Framed(body) : body);
    wire.Pump();
    const std::string made = IdOf(wire, id);
    EXPECT_EQ(made.size(), 16u) << type;
    EXPECT_EQ(wire.dispatcher.last_request_id, made) << type;
    if (type == "application/grpc") {
      EXPECT_THAT(wire.End(id).error().metadata(), Contains(Pair("request_id", made)));
    } else if (!framed) {
      const Json error = Json::parse(wire.client.TakeBody(id));
      EXPECT_EQ(error["details"][0]["debug"]["metadata"]["request_id"], made) << type;
    }
  }
}

TEST(RequestIdentity, WhatIsRefusedBeforeItIsServedIsNamedAndTold) {
  Wire wire;
  const auto unknown =
      wire.Call(With(Grpc("/test.Echo/Nothing"), {{"x-request-id", "r1"}}), Framed(""));
  const auto malformed = wire.Call(ConnectJson(EchoDispatcher::kUnary), "{");
  Headers late = With(Grpc(EchoDispatcher::kUnary), {{"grpc-timeout", "soon"}});
  const auto timeout = wire.Call(late, Framed(""));
  Headers get = ConnectJson("/nowhere");
  get[0].second = "GET";
  const auto nowhere = wire.Call(get, "");
  wire.Pump();
  EXPECT_EQ(IdOf(wire, unknown), "r1");
  EXPECT_EQ(IdOf(wire, malformed).size(), 16u);
  EXPECT_EQ(IdOf(wire, timeout).size(), 16u);
  EXPECT_EQ(IdOf(wire, nowhere).size(), 16u);
  EXPECT_EQ(wire.dispatcher.started, 0);
  EXPECT_THAT(
      wire.dispatcher.refused,
      UnorderedElementsAre("? METHOD_NOT_FOUND grpc", "/test.Echo/Unary TIMEOUT_INVALID grpc",
                           "/test.Echo/Unary MALFORMED_MESSAGE connect", "? ROUTE_NOT_FOUND http"));
}

TEST(RequestIdentity, ATraceIsContinuedWithASpanOfItsOwn) {
  Wire wire;
  wire.Call(With(Grpc(EchoDispatcher::kUnary),
                 {{"traceparent", std::string(kTraceparent)}, {"tracestate", "rojo=1,congo=2"}}),
            Framed(Serialized("a")));
  wire.Pump();
  const std::string onward = wire.dispatcher.last_traceparent;
  ASSERT_EQ(onward.size(), kTraceparent.size());
  EXPECT_EQ(onward.substr(0, 36), kTraceparent.substr(0, 36));
  EXPECT_NE(onward.substr(36, 16), kTraceparent.substr(36, 16));
  EXPECT_EQ(onward.substr(52), "-01");
  EXPECT_EQ(wire.dispatcher.last_tracestate, "rojo=1,congo=2");
}

TEST(RequestIdentity, TheListsOfSeveralTracestatesAreOne) {
  Wire wire;
  wire.Call(With(Grpc(EchoDispatcher::kUnary), {{"tracestate", "rojo=1"},
                                                {"traceparent", std::string(kTraceparent)},
                                                {"tracestate", "congo=2,x=3"},
                                                {"tracestate", ""}}),
            Framed(Serialized("a")));
  wire.Pump();
  EXPECT_EQ(wire.dispatcher.last_tracestate, "rojo=1,congo=2,x=3,");
}

TEST(RequestIdentity, WithoutATraceparentThereIsNoTrace) {
  Wire wire;
  const auto id = wire.Call(With(Grpc(EchoDispatcher::kUnary), {{"tracestate", "rojo=1"}}),
                            Framed(Serialized("a")));
  wire.Pump();
  EXPECT_TRUE(wire.End(id));
  EXPECT_EQ(wire.dispatcher.last_traceparent, "");
  EXPECT_EQ(wire.dispatcher.last_tracestate, "");
}

TEST(RequestIdentity, MalformedAndSeveralTraceparentsBeginANewTrace) {
  const std::string good(kTraceparent);
  for (const Headers& headers : {Headers{{"traceparent", "00-x"}, {"tracestate", "rojo=1"}},
                                 Headers{{"traceparent", good}, {"traceparent", good}}}) {
    Wire wire;
    Headers all = Grpc(EchoDispatcher::kUnary);
    all.insert(all.end(), headers.begin(), headers.end());
    const auto id = wire.Call(all, Framed(Serialized("a")));
    wire.Pump();
    EXPECT_TRUE(wire.End(id));
    EXPECT_EQ(wire.dispatcher.last_traceparent.size(), kTraceparent.size());
    EXPECT_NE(wire.dispatcher.last_traceparent.substr(3, 32), kTraceparent.substr(3, 32));
    EXPECT_EQ(wire.dispatcher.last_tracestate, "");
  }
}

TEST(RequestIdentity, OneCallDoesNotInheritFromTheOneBefore) {
  Wire wire;
  wire.Call(With(Grpc(EchoDispatcher::kUnary),
                 {{"traceparent", std::string(kTraceparent)}, {"x-request-id", "r1"}}),
            Framed(Serialized("a")));
  wire.Pump();
  const auto next = wire.Call(Grpc(EchoDispatcher::kUnary), Framed(Serialized("a")));
  wire.Pump();
  EXPECT_EQ(wire.dispatcher.last_traceparent, "");
  EXPECT_NE(wire.dispatcher.last_request_id, "r1");
  EXPECT_EQ(IdOf(wire, next), "");
}

}  // namespace
}  // namespace prism::rpc

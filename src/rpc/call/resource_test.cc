// Resource routes and what is refused before any protocol is known.
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <optional>

#include "rpc/testing/wire.h"

namespace prism::rpc {
namespace {

using google::protobuf::BytesValue;
using testing::EchoDispatcher;
using testing::Serialized;
using testing::Wire;
using Json = nlohmann::json;

// "/v1/METHOD" calls that method of the dispatcher with the body, and answers with what it answers.
class EchoRoute final : public ResourceRoute {
 public:
  explicit EchoRoute(EchoDispatcher& dispatcher) : dispatcher_(dispatcher) {}

  Result<ResourceCall> ToCall(const ResourceRequest& request, std::string& message,
                              ResourceReply& reply) const override {
    reply.AddHeader("x-verb", request.method);
    if (request.json) reply.AddHeader("x-json", "yes");
    const std::string_view path = request.target.substr(0, request.target.find('?'));
    const auto* method = dispatcher_.Find("/test.Echo/" + std::string(path.substr(4)));
    if (method == nullptr) return std::unexpected(Error(Code::kNotFound, "NO_ECHO", "no such"));
    message = Serialized(request.body);
    return ResourceCall{
        .method = method, .content_type = "application/x-echo", .to_reply = ToReply};
  }

  std::string_view StatusOf(const Error& error) const override {
    return error.code() == Code::kAborted ? "412" : "418";
  }

 private:
  static Status ToReply(const ResourceRequest& request, const google::protobuf::Message& response,
                        ResourceReply& reply) {
    const std::string& value = static_cast<const BytesValue&>(response).value();
    if (value == "refuse") return std::unexpected(Error(Code::kAborted, "REFUSED", "no"));
    if (value.empty()) reply.SetStatus("204");
    reply.AddHeader("x-name", request.headers.Find("x-name"));
    reply.AppendBody(value);
    return {};
  }

  EchoDispatcher& dispatcher_;
};

class Resource : public ::testing::Test {
 protected:
  void SetUp() override { wire_.dispatcher.route = &route_; }

  std::int32_t Ask(std::string verb, std::string path, std::string_view body = {}) {
    const std::int32_t id = wire_.Call({{":method", std::move(verb)},
                                        {":scheme", "http"},
                                        {":path", std::move(path)},
                                        {":authority", "a"},
                                        {"x-name", "Ada"}},
                                       body);
    wire_.Pump();
    EXPECT_TRUE(wire_.client.Find(id)->closed);
    return id;
  }
  std::string Header(std::int32_t id, std::string_view name) {
    return std::string(FindHeader(wire_.client.Find(id)->headers, name));
  }
  std::string Body(std::int32_t id) { return wire_.client.Find(id)->body; }
  std::string Reason(std::int32_t id) {
    return Json::parse(Body(id))["details"][0]["debug"]["reason"];
  }

  static ServerLimits Limits() {
    ServerLimits limits;
    limits.max_message_bytes = 1000;
    return limits;
  }
  Wire wire_{Limits()};
  EchoRoute route_{wire_.dispatcher};
};

TEST_F(Resource, CarriesTheBodyAsItIs) {
  const std::int32_t id = Ask("PUT", "/v1/Unary?x=y", "a value");
  EXPECT_EQ(Header(id, ":status"), "200");
  EXPECT_EQ(Header(id, "content-type"), "application/x-echo");
  EXPECT_EQ(Header(id, "content-length"), "7");
  EXPECT_EQ(Header(id, "x-verb"), "PUT");
  EXPECT_EQ(Header(id, "x-name"), "Ada");
  EXPECT_EQ(Body(id), "a value");
}

TEST_F(Resource, SaysWhetherTheBodyIsAnnouncedAsJson) {
  const auto json = [this](std::string_view type) {
    const std::int32_t id = wire_.Call({{":method", "POST"},
                                        {":scheme", "http"},
                                        {":path", "/v1/Unary"},
                                        {":authority", "a"},
                                        {"content-type", std::string(type)}},
                                       "{}");
    wire_.Pump();
    EXPECT_EQ(Body(id), "{}");
    return Header(id, "x-json");
  };
  EXPECT_EQ(json("application/json"), "yes");
  EXPECT_EQ(json("Application/JSON; charset=utf-8"), "yes");
  EXPECT_EQ(json("text/plain"), "");
  EXPECT_EQ(json("application/connect+json"), "");
  EXPECT_EQ(json("application/proto"), "");
  EXPECT_EQ(Header(Ask("POST", "/v1/Unary", "{}"), "x-json"), "");
}

TEST_F(Resource, AnAnswerWithoutABodyHasNoTypeOfOne) {
  const std::int32_t id = Ask("GET", "/v1/Unary");
  EXPECT_EQ(Header(id, ":status"), "204");
  EXPECT_EQ(Header(id, "content-type"), "");
  EXPECT_EQ(Header(id, "content-length"), "");
}

TEST_F(Resource, HeadTellsTheLengthOfWhatItLeavesOut) {
  const std::int32_t id = Ask("HEAD", "/v1/Unary", "a value");
  EXPECT_EQ(Header(id, ":status"), "200");
  EXPECT_EQ(Header(id, "content-length"), "7");
  EXPECT_EQ(Body(id), "");
  EXPECT_EQ(wire_.server->queued_bytes(), 0u);
  const std::int32_t failed = Ask("HEAD", "/v1/Nobody");
  EXPECT_EQ(Header(failed, ":status"), "418");
  EXPECT_EQ(Body(failed), "");
}

TEST_F(Resource, ErrorsHaveTheStatusOfTheRoute) {
  const std::int32_t translated = Ask("GET", "/v1/Nobody");
  EXPECT_EQ(Header(translated, ":status"), "418");
  EXPECT_EQ(Header(translated, "content-type"), "application/json");
  EXPECT_EQ(Header(translated, "x-verb"), "GET");
  EXPECT_EQ(Reason(translated), "NO_ECHO");
  const std::int32_t replied = Ask("PUT", "/v1/Unary", "refuse");
  EXPECT_EQ(Header(replied, ":status"), "412");
  EXPECT_EQ(Reason(replied), "REFUSED");
  const std::int32_t large = Ask("PUT", "/v1/Unary", std::string(2000, 'x'));
  EXPECT_EQ(Header(large, ":status"), "418");
  EXPECT_EQ(Reason(large), "MESSAGE_TOO_LARGE");
}

TEST_F(Resource, StreamsComeInParts) {
  const std::int32_t id = Ask("GET", "/v1/Repeat", "line\n");
  EXPECT_EQ(Header(id, ":status"), "200");
  EXPECT_EQ(Header(id, "content-length"), "");
  EXPECT_EQ(Body(id), "line\nline\nline\n");
}

TEST_F(Resource, WhatFailsBehindThePartsIsTheLastLine) {
  const std::int32_t held = wire_.Call(
      {{":method", "GET"}, {":scheme", "http"}, {":path", "/v1/Repeat"}, {":authority", "a"}},
      std::string(900, 'x'));
  wire_.dispatcher.repeats = 5000;  // more than the client takes without opening its window
  wire_.Pump();
  wire_.server->Shutdown();
  std::string body;
  while (!wire_.client.Find(held)->closed) {
    body += wire_.client.TakeBody(held);  // opens the window
    wire_.Pump();
  }
  body += wire_.client.TakeBody(held);
  const std::size_t last = body.rfind("x{");
  ASSERT_NE(last, std::string::npos);
  EXPECT_EQ(Json::parse(body.substr(last + 1))["error"]["code"], "unavailable");
}

TEST_F(Resource, HeadOfAStreamHasNeitherBodyNorLength) {
  const std::int32_t id = Ask("HEAD", "/v1/Repeat", "line\n");
  EXPECT_EQ(Header(id, ":status"), "200");
  EXPECT_EQ(Header(id, "content-length"), "");
  EXPECT_EQ(Header(id, "content-type"), "application/x-echo");
  EXPECT_EQ(Body(id), "");
  EXPECT_EQ(wire_.dispatcher.written, 3);  // the call ends as it does for GET
  EXPECT_EQ(wire_.server->queued_bytes(), 0u);
}

TEST_F(Resource, AnUploadThatIsTooLargeIsAnsweredWhenItHasCome) {
  const std::int32_t id = wire_.Open(
      {{":method", "PUT"}, {":scheme", "http"}, {":path", "/v1/Unary"}, {":authority", "a"}});
  for (int i = 0; i < 200; ++i) {
    wire_.client.Write(id, std::string(1000, 'x'));
    wire_.Pump();
    ASSERT_TRUE(wire_.client.Find(id)->headers.empty());
  }
  wire_.client.Finish(id);
  wire_.Pump();
  EXPECT_EQ(Reason(id), "MESSAGE_TOO_LARGE");
}

TEST_F(Resource, AnUploadThatIsAnnouncedAsTooLargeIsNotAwaitedByWhoExpectsAWord) {
  const std::int32_t id = wire_.Open({{":method", "PUT"},
                                      {":scheme", "http"},
                                      {":path", "/v1/Unary"},
                                      {":authority", "a"},
                                      {"content-length", "1000000"},
                                      {"expect", "100-continue"}});
  wire_.Pump();
  EXPECT_EQ(Header(id, ":status"), "418");
  EXPECT_EQ(Reason(id), "MESSAGE_TOO_LARGE");
}

TEST_F(Resource, AnUploadWithoutEndIsCutOff) {
  const std::int32_t id = wire_.Open(
      {{":method", "PUT"}, {":scheme", "http"}, {":path", "/v1/Unary"}, {":authority", "a"}});
  const std::string megabyte(1 << 20, 'x');
  int sent = 0;
  while (wire_.client.Find(id)->headers.empty() && sent < 100) {
    wire_.client.Write(id, megabyte);
    wire_.Pump();
    ++sent;
  }
  EXPECT_EQ(Reason(id), "MESSAGE_TOO_LARGE");
  EXPECT_LT(sent, 70);
}

TEST_F(Resource, TheDeadlineIsADuration) {
  const auto ask = [this](std::string timeout) {
    const std::int32_t id = wire_.Call({{":method", "GET"},
                                        {":scheme", "http"},
                                        {":path", "/v1/Unary"},
                                        {":authority", "a"},
                                        {"prism-timeout", std::move(timeout)}},
                                       "x");
    wire_.Pump();
    return id;
  };
  EXPECT_EQ(Header(ask("1m30s"), ":status"), "200");
  for (const char* text : {"10", "-1s", "soon"}) {
    EXPECT_EQ(Reason(ask(text)), "TIMEOUT_INVALID") << text;
  }
}

TEST_F(Resource, WhatIsNowhereIsRefusedWithAReason) {
  const std::int32_t nowhere = Ask("GET", "/nowhere");
  EXPECT_EQ(Header(nowhere, ":status"), "404");
  EXPECT_EQ(Reason(nowhere), "ROUTE_NOT_FOUND");
  const std::int32_t verb = Ask("BREW", std::string(EchoDispatcher::kUnary));
  EXPECT_EQ(Header(verb, ":status"), "405");
  EXPECT_EQ(Header(verb, "allow"), "POST");
  EXPECT_EQ(Reason(verb), "HTTP_METHOD_UNSUPPORTED");
  const std::int32_t type = Ask("POST", std::string(EchoDispatcher::kUnary), "x");
  EXPECT_EQ(Header(type, ":status"), "415");
  EXPECT_EQ(Reason(type), "CONTENT_TYPE_UNSUPPORTED");
}

}  // namespace
}  // namespace prism::rpc

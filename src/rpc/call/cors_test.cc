#include "rpc/call/cors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <initializer_list>
#include <map>
#include <utility>

#include "rpc/testing/wire.h"

namespace prism::rpc {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Fields = std::map<std::string, std::string, std::less<>>;

CorsSettings Allowing(std::string_view origins) { return {*base::ParseWebOrigins(origins)}; }

RequestHeaders RequestOf(
    std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  RequestHeaders headers;
  for (const auto& [name, value] : fields) EXPECT_TRUE(headers.Add(name, value, 1 << 20));
  return headers;
}

RequestHeaders PreflightOf(std::string_view origin, std::string_view headers = "content-type") {
  return RequestOf({{"origin", origin},
                    {"access-control-request-method", "POST"},
                    {"access-control-request-headers", headers}});
}

Fields ToMap(const std::vector<HeaderField>& response) {
  Fields fields;
  for (const HeaderField& field : response) {
    EXPECT_TRUE(fields.emplace(field.name, field.value).second) << field.name;
  }
  return fields;
}

Fields AnswerTo(const Cors& cors, const RequestHeaders& request) {
  std::vector<HeaderField> response;
  cors.AppendTo(request, response);
  return ToMap(response);
}

Fields Preflight(const Cors& cors, const RequestHeaders& request) {
  const auto allowed = cors.AllowPreflight(request);
  EXPECT_TRUE(allowed) << allowed.error().ToString();
  return {allowed->begin(), allowed->end()};
}

TEST(CorsTest, SaysNothingUnlessConfigured) {
  const Cors cors;
  EXPECT_FALSE(cors.enabled());
  EXPECT_TRUE(AnswerTo(cors, RequestOf({{"origin", "https://a"}})).empty());
  const auto refused = cors.AllowPreflight(PreflightOf("https://a"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "CORS_ORIGIN_NOT_ALLOWED");
  EXPECT_EQ(refused.error().code(), Code::kPermissionDenied);
  EXPECT_THAT(refused.error().message(), HasSubstr("https://a"));
}

TEST(CorsTest, AnAllowedOriginIsRepeatedAndOthersAreNot) {
  const Cors cors(Allowing("https://a, https://*.b"));
  for (const char* origin : {"https://a", "https://x.b"}) {
    const Fields fields = AnswerTo(cors, RequestOf({{"origin", origin}}));
    EXPECT_EQ(fields.at("access-control-allow-origin"), origin);
    EXPECT_EQ(fields.at("vary"), "origin");
    EXPECT_THAT(fields.at("access-control-expose-headers"), HasSubstr("grpc-status-details-bin"));
    EXPECT_FALSE(fields.contains("access-control-allow-credentials"));
  }
  EXPECT_EQ(AnswerTo(cors, RequestOf({{"origin", "https://evil"}})), (Fields{{"vary", "origin"}}));
  EXPECT_EQ(AnswerTo(cors, RequestOf({})), (Fields{{"vary", "origin"}}));
}

TEST(CorsTest, AllOriginsGetTheSameAnswer) {
  const Cors cors(Allowing("*"));
  const Fields fields = AnswerTo(cors, RequestOf({{"origin", "null"}}));
  EXPECT_EQ(fields.at("access-control-allow-origin"), "*");
  EXPECT_FALSE(fields.contains("vary"));
  EXPECT_TRUE(AnswerTo(cors, RequestOf({})).empty());
}

TEST(CorsTest, CredentialsAreAllowedWhenConfigured) {
  CorsSettings settings = Allowing("https://a");
  settings.allow_credentials = true;
  const Cors cors(settings);
  EXPECT_EQ(
      AnswerTo(cors, RequestOf({{"origin", "https://a"}})).at("access-control-allow-credentials"),
      "true");
  EXPECT_FALSE(AnswerTo(cors, RequestOf({{"origin", "https://b"}}))
                   .contains("access-control-allow-credentials"));
}

TEST(CorsTest, CredentialsForAllAreRefused) {
  CorsSettings settings = Allowing("https://a, *");
  EXPECT_TRUE(CheckCors(settings));
  settings.allow_credentials = true;
  const Status refused = CheckCors(settings);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "CORS_CREDENTIALS_FOR_ALL");
  settings.allowed_origins.pop_back();
  EXPECT_TRUE(CheckCors(settings));
}

TEST(CorsTest, APreflightIsAnOptionsWithOriginAndMethod) {
  EXPECT_TRUE(Cors::IsPreflight("OPTIONS", PreflightOf("https://a")));
  EXPECT_FALSE(Cors::IsPreflight("POST", PreflightOf("https://a")));
  EXPECT_FALSE(Cors::IsPreflight("OPTIONS", RequestOf({{"origin", "https://a"}})));
  EXPECT_FALSE(
      Cors::IsPreflight("OPTIONS", RequestOf({{"access-control-request-method", "POST"}})));
}

TEST(CorsTest, APreflightSaysWhatIsAllowedAndForHowLong) {
  CorsSettings settings = Allowing("https://a");
  settings.max_age = std::chrono::minutes(10);
  const Fields fields = Preflight(Cors(settings), PreflightOf("https://a"));
  EXPECT_EQ(fields.at("access-control-allow-methods"), "GET, HEAD, POST, PUT, DELETE");
  EXPECT_EQ(fields.at("access-control-max-age"), "600");
  EXPECT_THAT(fields.at("vary"), HasSubstr("access-control-request-headers"));
  EXPECT_FALSE(fields.contains("access-control-allow-private-network"));
  for (const char* header : {"content-type", "connect-protocol-version", "connect-timeout-ms",
                             "grpc-timeout", "x-grpc-web", "x-user-agent", "if-match",
                             "if-none-match", "authorization", "traceparent", "x-request-id"}) {
    EXPECT_THAT(fields.at("access-control-allow-headers"), HasSubstr(header));
  }
}

TEST(CorsTest, OwnHeadersAreAllowedByTheirBeginning) {
  const Cors cors(Allowing("https://a"));
  const Fields fields =
      Preflight(cors, PreflightOf("https://a",
                                  "content-type,prism-ttl, prism-x-1,prism-,prismx,"
                                  "prism-a\"b,x-evil,prism-Ä"));
  EXPECT_THAT(fields.at("access-control-allow-headers"),
              ::testing::EndsWith("x-user-agent, prism-ttl, prism-x-1"));
  EXPECT_THAT(fields.at("access-control-allow-headers"), Not(HasSubstr("x-evil")));
}

TEST(CorsTest, PrivateNetworksAreAllowedWhenAskedFor) {
  const Cors cors(Allowing("https://a"));
  const Fields fields =
      Preflight(cors, RequestOf({{"origin", "https://a"},
                                 {"access-control-request-method", "POST"},
                                 {"access-control-request-private-network", "true"}}));
  EXPECT_EQ(fields.at("access-control-allow-private-network"), "true");
}

// The same with calls: pages of https://a may make them.
class CorsCallTest : public ::testing::Test {
 protected:
  std::int32_t Ask(std::string verb, std::string_view origin, Headers more,
                   std::string_view path = testing::EchoDispatcher::kUnary) {
    Headers headers = {{":method", std::move(verb)},
                       {":scheme", "http"},
                       {":path", std::string(path)},
                       {":authority", "test"},
                       {"origin", std::string(origin)}};
    headers.insert(headers.end(), more.begin(), more.end());
    const std::int32_t id = wire_.Call(headers, more.empty() ? "" : R"("aGVsbG8=")");
    wire_.Pump();
    EXPECT_TRUE(wire_.client.Find(id)->closed);
    return id;
  }
  std::string Header(std::int32_t id, std::string_view name) {
    return std::string(FindHeader(wire_.client.Find(id)->headers, name));
  }
  std::string Reason(std::int32_t id) {
    const auto error = nlohmann::json::parse(wire_.client.TakeBody(id));
    return error["details"][0]["debug"]["reason"];
  }

  const Headers json_ = {{"content-type", "application/json"}};
  const Headers preflight_ = {{"access-control-request-method", "POST"}};
  testing::Wire wire_{{}, Cors(Allowing("https://a"))};
};

TEST_F(CorsCallTest, APreflightIsAnsweredBeforeAnyMethodIsLookedFor) {
  for (const char* path : {"/test.Echo/Unary", "/nowhere", "/v1/scratch/keyvalue/a"}) {
    const std::int32_t id = Ask("OPTIONS", "https://a", preflight_, path);
    EXPECT_EQ(Header(id, ":status"), "204") << path;
    EXPECT_EQ(Header(id, "access-control-allow-origin"), "https://a");
    EXPECT_EQ(Header(id, "access-control-max-age"), "3600");
    EXPECT_EQ(Header(id, "content-type"), "");
  }
  EXPECT_EQ(wire_.dispatcher.started, 0);
}

TEST_F(CorsCallTest, ARefusedPreflightSaysWhy) {
  const std::int32_t id = Ask("OPTIONS", "https://b", preflight_);
  EXPECT_EQ(Header(id, ":status"), "403");
  EXPECT_EQ(Header(id, "access-control-allow-origin"), "");
  EXPECT_EQ(Reason(id), "CORS_ORIGIN_NOT_ALLOWED");
}

TEST_F(CorsCallTest, OptionsThatAreNoPreflightAreNone) {
  const std::int32_t id = Ask("OPTIONS", "https://a", {});
  EXPECT_EQ(Header(id, ":status"), "405");
  EXPECT_EQ(Header(id, "access-control-allow-origin"), "https://a");
}

TEST_F(CorsCallTest, AnswersAndErrorsMayBeReadByAllowedPagesAlone) {
  for (const char* origin : {"https://a", "https://b"}) {
    const std::string allowed = std::string_view(origin) == "https://a" ? origin : "";
    const std::int32_t answered = Ask("POST", origin, json_);
    EXPECT_EQ(Header(answered, ":status"), "200");
    EXPECT_EQ(Header(answered, "access-control-allow-origin"), allowed);
    const std::int32_t failed = Ask("POST", origin, json_, "/test.Echo/Nothing");
    EXPECT_EQ(Header(failed, ":status"), "404");
    EXPECT_EQ(Header(failed, "access-control-allow-origin"), allowed);
    EXPECT_EQ(Header(failed, "vary"), "origin");
  }
}

TEST_F(CorsCallTest, GrpcHasNoPages) {
  const std::int32_t id = Ask("POST", "https://a", {{"content-type", "application/grpc"}});
  EXPECT_EQ(Header(id, "access-control-allow-origin"), "");
}

}  // namespace
}  // namespace prism::rpc

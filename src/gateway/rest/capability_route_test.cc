// What a namespace is, over plain HTTP: requests as calls, answers as JSON.
#include "gateway/rest/capability_route.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/rest/resource_routes.h"
#include "gateway/rest/testing/recorded_reply.h"
#include "prism/capability/v1/capability.pb.h"
#include "prism/capability/v1/capability.prism.h"

namespace prism::gateway {
namespace {

namespace v1 = capability::v1;
using testing::RecordedReply;
using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

class Exchange {
 public:
  Exchange(std::string_view method, std::string_view target, const Fields& fields = {},
           std::string_view body = {})
      : request_{.method = method, .target = target, .body = body, .headers = headers_} {
    for (const auto& [name, value] : fields) headers_.Add(name, value, 1 << 16);
    call = route.ToCall(request_, message, reply);
  }

  std::string_view called() const { return call ? call->method->path : "(refused)"; }
  std::string_view reason() const { return call ? "(none)" : call.error().reason(); }
  Status Answer(const google::protobuf::Message& response) {
    return call->to_reply(request_, response, reply);
  }

  CapabilityRoute route;
  RecordedReply reply;
  std::string message;
  Result<rpc::ResourceCall> call = std::unexpected(Error(Code::kUnknown, "", ""));

 private:
  rpc::RequestHeaders headers_;
  rpc::ResourceRequest request_;
};

TEST(CapabilityRouteTest, IsWhatTheContractSays) {
  for (const contract::MethodInfo& method : v1::CapabilityService::kInterface.methods) {
    if (method.rest.empty()) continue;
    const std::string_view rest = method.rest;
    std::string target(rest.substr(rest.find(' ') + 1));
    target.replace(target.find("{namespace}"), 11, "ns");
    EXPECT_NE(ResourceRoutes().Find(target), nullptr) << target;
    EXPECT_EQ(ResourceRoutes().Find(target + "/more"), nullptr) << target;
    EXPECT_EQ(Exchange(rest.substr(0, rest.find(' ')), target).called(), method.path);
  }
}

TEST(CapabilityRouteTest, AsksForWhatTheTargetSays) {
  const Exchange plain("GET", "/v1/my%2Dapp/features");
  v1::GetFeaturesRequest request;
  ASSERT_TRUE(request.ParseFromString(plain.message));
  EXPECT_EQ(request.namespace_(), "my-app");
  EXPECT_FALSE(request.has_wait());

  const Exchange waits("HEAD", "/v1/app/features?wait=1m30s250ms&index=17");
  ASSERT_TRUE(request.ParseFromString(waits.message));
  EXPECT_EQ(request.index(), 17);
  EXPECT_EQ(request.wait().seconds(), 90);
  EXPECT_EQ(request.wait().nanos(), 250'000'000);

  v1::GetRequest get;
  ASSERT_TRUE(get.ParseFromString(Exchange("GET", "/v1/app/capabilities").message));
  EXPECT_EQ(get.namespace_(), "app");
}

TEST(CapabilityRouteTest, RefusesWithAReason) {
  EXPECT_EQ(Exchange("PUT", "/v1/app/features").reason(), "HTTP_METHOD_UNSUPPORTED");
  EXPECT_EQ(Exchange("GET", "/v1/app/features", {}, "x").reason(), "BODY_UNEXPECTED");
  EXPECT_EQ(Exchange("GET", "/v1/app/features?index=x").reason(), "INDEX_MALFORMED");
  EXPECT_EQ(Exchange("GET", "/v1/app/features?index=").reason(), "INDEX_MALFORMED");
  EXPECT_EQ(Exchange("GET", "/v1/app/features?index=99999999999999999999").reason(),
            "INDEX_MALFORMED");
  EXPECT_EQ(Exchange("GET", "/v1/app/features?wait=long").reason(), "BAD_DURATION");
  EXPECT_EQ(Exchange("GET", "/v1/app/features?wait=1s&wait=2s").reason(), "PARAMETER_REPEATED");
  EXPECT_EQ(Exchange("GET", "/v1/app/capabilities?wait=1s").reason(), "PARAMETER_UNKNOWN");
  EXPECT_EQ(Exchange("GET", "/v1/app/features", {{"if-none-match", "broken"}}).reason(),
            "ETAG_MALFORMED");
}

TEST(CapabilityRouteTest, AnswersFeaturesWithTheirETag) {
  v1::GetFeaturesResponse response;
  response.set_revision(17);
  (*response.mutable_features())["dark"] = true;
  Exchange first("GET", "/v1/app/features");
  ASSERT_TRUE(first.Answer(response));
  EXPECT_EQ(first.reply.status, "200");
  EXPECT_EQ(first.reply.Header("etag"), "\"17\"");
  EXPECT_EQ(first.reply.body, "{\"revision\":\"17\",\"features\":{\"dark\":true}}\n");

  Exchange again("GET", "/v1/app/features", {{"if-none-match", "\"17\""}});
  ASSERT_TRUE(again.Answer(response));
  EXPECT_EQ(again.reply.status, "304");
  EXPECT_EQ(again.reply.body, "");
  Exchange newer("GET", "/v1/app/features", {{"if-none-match", "\"16\""}});
  ASSERT_TRUE(newer.Answer(response));
  EXPECT_EQ(newer.reply.status, "200");
}

}  // namespace
}  // namespace prism::gateway

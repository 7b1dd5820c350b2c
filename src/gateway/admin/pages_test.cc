#include "gateway/admin/pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contract/all_interfaces.h"
#include "gateway/admin/admin_routes.h"
#include "gateway/rest/testing/recorded_reply.h"
#include "prism/admin/v1/pages.pb.h"
#include "telemetry/prometheus.h"

namespace prism::gateway {
namespace {

using ::testing::HasSubstr;

class PagesTest : public ::testing::Test {
 protected:
  Result<rpc::ResourceCall> Call(std::string_view method, std::string_view target,
                                 std::string_view body = {}) {
    const rpc::ResourceRoute* route = routes_.Find(target);
    message_.clear();
    return route->ToCall({.method = method, .target = target, .body = body, .headers = headers_},
                         message_, reply_);
  }

  const AdminRoutes routes_{contract::AllInterfaces()};
  rpc::RequestHeaders headers_;
  testing::RecordedReply reply_;
  std::string message_;
};

TEST_F(PagesTest, APageIsACall) {
  const auto call = Call("GET", "/readyz?verbose");
  ASSERT_TRUE(call);
  EXPECT_EQ(call->method->path, "/prism.admin.v1.Pages/Get");
  EXPECT_EQ(call->content_type, kPlainText);
  EXPECT_EQ(reply_.Header("cache-control"), "no-store");
  admin::v1::GetPageRequest request;
  ASSERT_TRUE(request.ParseFromString(message_));
  EXPECT_EQ(request.target(), "/readyz?verbose");
  admin::v1::Page page;
  page.set_status(503);
  page.set_body("not ready\n");
  ASSERT_TRUE(call->to_reply({.method = "GET", .target = "", .body = "", .headers = headers_}, page,
                             reply_));
  EXPECT_EQ(reply_.status, "503");
  EXPECT_EQ(reply_.body, "not ready\n");
  EXPECT_EQ(Call("GET", "/metrics")->content_type, telemetry::PrometheusText::kContentType);
  EXPECT_TRUE(Call("HEAD", "/livez"));
}

TEST_F(PagesTest, WhatIsNotThereNamesWhatIs) {
  const auto call = Call("GET", "/elsewhere");
  ASSERT_FALSE(call);
  EXPECT_EQ(call.error().reason(), "ROUTE_NOT_FOUND");
  EXPECT_THAT(call.error().message(), HasSubstr("/readyz"));
  EXPECT_EQ(Call("GET", "/livez/").error().reason(), "ROUTE_NOT_FOUND");
  EXPECT_EQ(Call("GET", "/admin/v1/nothing").error().reason(), "ROUTE_NOT_FOUND");
}

TEST_F(PagesTest, PagesAreRead) {
  EXPECT_EQ(Call("POST", "/livez").error().reason(), "HTTP_METHOD_UNSUPPORTED");
  EXPECT_EQ(reply_.Header("allow"), "GET, HEAD");
  EXPECT_EQ(Call("GET", "/livez", "x").error().reason(), "BODY_UNEXPECTED");
}

TEST_F(PagesTest, WhatIsNoTargetIsRefused) {
  EXPECT_EQ(Call("GET", "/readyz?ver\xff").error().reason(), "CHARACTER_NOT_ESCAPED");
  EXPECT_EQ(Call("GET", "/readyz?%ff").error().reason(), "MALFORMED_MESSAGE");
}

TEST_F(PagesTest, WhatIsSpelledLikeAMethodIsNoRoute) {
  EXPECT_EQ(routes_.Find("/prism.admin.v1.Nothing/Get"), nullptr);
  EXPECT_NE(routes_.Find("/openapi.json"), nullptr);
  EXPECT_NE(routes_.Find("/"), nullptr);
  EXPECT_NE(routes_.Find("*"), nullptr);
}

}  // namespace
}  // namespace prism::gateway

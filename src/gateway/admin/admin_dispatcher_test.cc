#include "gateway/admin/admin_dispatcher.h"

#include <gtest/gtest.h>

#include <array>

#include "gateway/admin/testing/shelf_service.h"
#include "gateway/testing/fake_call.h"
#include "runtime/sync_wait.h"
#include "security/access.h"

namespace prism::gateway {
namespace {

using testing::FakeCall;
namespace shelf = testing::shelf;

std::shared_ptr<const security::Guard> StrictGuard() {
  const security::NamespaceAccess fiction{
      .owner = "x509:CN=olga", .read = {"x509:CN=rita"}, .write = {}, .admin = {}};
  const std::array<std::string, 1> admins = {"x509:CN=zoe"};
  const std::array<security::AccessTable::Entry, 1> entries = {{{"fiction", &fiction}}};
  return std::make_shared<const security::Guard>(
      std::make_shared<const security::Authenticator>(
          security::Authenticator::Options{.required = true, .names = {}},
          std::make_shared<const security::TokenTable>(std::vector<security::TokenTable::Row>())),
      std::make_shared<const security::AccessTable>(admins, entries));
}

class AdminDispatcherTest : public ::testing::Test {
 protected:
  AdminDispatcherTest() : methods_({}, Services(service_, false)) {}
  void SetUp() override { ASSERT_TRUE(shards_.Start()); }
  void TearDown() override { shards_.Stop(); }

  static std::vector<MethodTable::SystemService> Services(testing::ShelfService& service,
                                                          bool for_all) {
    std::vector<MethodTable::SystemService> services;
    MethodTable::AddTo(services, service, for_all);
    return services;
  }

  static const contract::MethodInfo& Method(std::string_view name) {
    for (const auto& method : shelf::Shelf::kInterface.methods) {
      if (method.name == name) return method;
    }
    std::abort();
  }

  std::unique_ptr<FakeCall> Run(AdminDispatcher& dispatcher, std::string_view method,
                                const google::protobuf::Message& request, std::string identity = {},
                                std::string authorization = {}) {
    auto call = std::make_unique<FakeCall>(Method(method), request.SerializeAsString());
    call->identity = std::move(identity);
    if (!authorization.empty()) call->request_headers["authorization"] = authorization;
    runtime::RunOn(shards_.at(0), [&] { return dispatcher.Serve(*call); });
    EXPECT_EQ(call->ends, 1);
    return call;
  }

  static shelf::GetBookRequest Dune() {
    shelf::GetBookRequest request;
    request.set_shelf("fiction");
    request.set_name("dune");
    return request;
  }

  runtime::ShardPool shards_{1};
  SystemClock clock_;
  telemetry::Logger log_{telemetry::LogLevel::kError, telemetry::LogFormat::kText};
  testing::ShelfService service_;
  MethodTable methods_;
  AdminDispatcher dispatcher_{{shards_, methods_, clock_, log_}, StrictGuard()};
};

TEST_F(AdminDispatcherTest, MethodsAskWhatTheirCallerMay) {
  EXPECT_EQ(Run(dispatcher_, "Get", Dune(), "x509:CN=rita")->error, std::nullopt);
  EXPECT_EQ(Run(dispatcher_, "Remove", Dune(), "x509:CN=rita")->error->reason(), "ACCESS_DENIED");
  EXPECT_EQ(Run(dispatcher_, "Remove", Dune(), "x509:CN=zoe")->error, std::nullopt);
  shelf::BurnBookRequest burn;
  burn.set_shelf("fiction");
  EXPECT_EQ(Run(dispatcher_, "Burn", burn, "x509:CN=rita")->error->reason(), "ACCESS_DENIED");
  const auto burnt = Run(dispatcher_, "Burn", burn, "x509:CN=olga");
  EXPECT_EQ(burnt->error, std::nullopt);
  EXPECT_EQ(burnt->context().principal, "x509:CN=olga");
  EXPECT_EQ(burnt->context().rights, nullptr);  // they went with the call
}

TEST_F(AdminDispatcherTest, WhoIsNotKnownIsToldWhatToShow) {
  const auto nobody = Run(dispatcher_, "Get", Dune());
  EXPECT_EQ(nobody->error->reason(), "CREDENTIALS_REQUIRED");
  EXPECT_EQ(nobody->headers["www-authenticate"], R"(Bearer realm="prism")");
  const auto wrong = Run(dispatcher_, "Get", Dune(), "x509:CN=zoe", "Bearer nonsense");
  EXPECT_EQ(wrong->error->code(), Code::kUnauthenticated);
  EXPECT_EQ(wrong->headers["www-authenticate"], R"(Bearer realm="prism", error="invalid_token")");
}

TEST_F(AdminDispatcherTest, WhatIsForAllIsServedAndStillAsks) {
  const MethodTable methods({}, Services(service_, true));
  AdminDispatcher dispatcher({shards_, methods, clock_, log_}, StrictGuard());
  const auto nobody = Run(dispatcher, "Get", Dune());
  EXPECT_EQ(nobody->error->reason(), "CREDENTIALS_REQUIRED");  // said by the method
  EXPECT_EQ(nobody->context().principal, "anonymous");
  EXPECT_EQ(Run(dispatcher, "Get", Dune(), "x509:CN=rita")->error, std::nullopt);
}

TEST_F(AdminDispatcherTest, AnotherGuardCountsFromTheNextCallOn) {
  EXPECT_NE(Run(dispatcher_, "Get", Dune())->error, std::nullopt);
  dispatcher_.UseGuard(security::Guard::Open());
  EXPECT_EQ(Run(dispatcher_, "Get", Dune())->error, std::nullopt);
}

TEST_F(AdminDispatcherTest, StreamsAnswerMessages) {
  shelf::ListBooksRequest request;
  request.set_shelf("fiction");
  request.set_page_size(3);
  const auto call = Run(dispatcher_, "Watch", request, "x509:CN=rita");
  EXPECT_EQ(call->error, std::nullopt);
  EXPECT_EQ(call->written.size(), 3u);
}

TEST_F(AdminDispatcherTest, WhatIsNoRequestIsRefused) {
  FakeCall call(Method("Get"), "\xff\xff");
  call.identity = "x509:CN=zoe";
  runtime::RunOn(shards_.at(0), [&] { return dispatcher_.Serve(call); });
  EXPECT_EQ(call.error->reason(), "MALFORMED_MESSAGE");
}

TEST_F(AdminDispatcherTest, CountsByMethodAndCode) {
  Run(dispatcher_, "Get", Dune(), "x509:CN=rita");
  Run(dispatcher_, "Get", Dune());
  const ShardSample sample = dispatcher_.Sample(0);
  const MethodMetrics& get = sample.methods[methods_.RouteOf(Method("Get")).ordinal];
  EXPECT_EQ(get.by_code[static_cast<std::size_t>(Code::kOk)], 1u);
  EXPECT_EQ(get.by_code[static_cast<std::size_t>(Code::kUnauthenticated)], 1u);
  EXPECT_EQ(sample.in_flight, 0u);
}

TEST_F(AdminDispatcherTest, FindsItsMethodsAlone) {
  EXPECT_NE(dispatcher_.Find("/prism.shelf.v1.Shelf/Get"), nullptr);
  EXPECT_EQ(dispatcher_.Find("/prism.keyvalue.v1.KeyValueBasic/Get"), nullptr);
  EXPECT_EQ(dispatcher_.FindRoute("/livez"), nullptr);
}

}  // namespace
}  // namespace prism::gateway

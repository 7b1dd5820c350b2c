#include "gateway/admin/backend_admin.h"

#include "gateway/admin/testing/admin_fixture.h"

namespace prism::gateway {
namespace {

namespace v1 = admin::v1;
using testing::ReasonOf;

class BackendAdminTest : public testing::AdminFixture {
 protected:
  void SetUp() override {
    AdminFixture::SetUp();
    service_ = std::make_unique<BackendAdminService>(*control_, pool_, changes_);
  }
  static v1::CreateBackendRequest New(const std::string& name, const std::string& connection) {
    v1::CreateBackendRequest request;
    request.mutable_backend()->set_name(name);
    request.mutable_backend()->set_type("redis");
    request.mutable_backend()->set_connection(connection);
    return request;
  }
  Result<v1::Backend> Create(const v1::CreateBackendRequest& request,
                             std::string_view who = "root") {
    return Call(*service_, &BackendAdminService::Create, request, who);
  }
  Result<v1::Backend> Get(const std::string& name) {
    v1::GetBackendRequest request;
    request.set_name(name);
    return Call(*service_, &BackendAdminService::Get, request);
  }

  std::unique_ptr<BackendAdminService> service_;
};

TEST_F(BackendAdminTest, WhatIsMadeIsReadListedUpdatedAndDeleted) {
  const auto made = Create(New("cache", "redis://localhost:6379/0"));
  ASSERT_TRUE(made) << made.error().ToString();
  EXPECT_EQ(made->revision(), 2);
  EXPECT_EQ(Get("cache")->connection(), "redis://localhost:6379/0");
  EXPECT_EQ(ReasonOf(Create(New("cache", ""))), "REVISION_MISMATCH");

  v1::ListBackendsRequest list;
  list.set_filter("type = \"redis\"");
  const auto listed = Call(*service_, &BackendAdminService::List, list);
  ASSERT_TRUE(listed) << listed.error().ToString();
  ASSERT_EQ(listed->backends_size(), 1);
  EXPECT_EQ(listed->total_size(), 1);

  v1::UpdateBackendRequest update;
  update.set_name("cache");
  update.set_revision(2);
  update.mutable_backend()->set_username("app");
  EXPECT_EQ(Call(*service_, &BackendAdminService::Update, update)->connection(),
            "redis://localhost:6379/0");
  const auto stale = Call(*service_, &BackendAdminService::Update, update);
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().reason(), "REVISION_MISMATCH");

  v1::DeleteBackendRequest remove;
  remove.set_name("cache");
  EXPECT_EQ(Call(*service_, &BackendAdminService::Delete, remove)->revision(), 4);
  EXPECT_EQ(ReasonOf(Get("cache")), "BACKEND_NOT_FOUND");
  v1::BackendHistoryRequest history;
  history.set_name("cache");
  const auto changes = Call(*service_, &BackendAdminService::History, history);
  ASSERT_EQ(changes->changes_size(), 3);
  EXPECT_EQ(changes->changes(1).after().username(), "app");
}

TEST_F(BackendAdminTest, SecretsAreRefusedWithTheFixAndNotRepeated) {
  auto request = New("Cache", "redis://app:planted@localhost");
  request.mutable_backend()->set_password("planted");
  request.mutable_backend()->clear_type();
  const auto refused = Create(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "CONFIG_INVALID");
  ASSERT_EQ(refused.error().fields().size(), 4u);
  EXPECT_EQ(refused.error().ToString().find("planted"), std::string::npos);
  EXPECT_EQ(ReasonOf(Create(New("cache", "redis://app:planted@localhost"))), "LITERAL_SECRET");
  EXPECT_TRUE(Create(New("cache", "redis://app:${env:PASSWORD}@localhost")));
}

TEST_F(BackendAdminTest, WhatIsUsedStays) {
  namespaces::NamespaceConfig config;
  config.name = config.settings.name = "orders";
  config.backend = "memory";
  config.patterns = {{.type = "outbox",
                      .slots = {{.name = "store", .backend = "other", .interface = ""}},
                      .config = {}}};
  ASSERT_TRUE(store_->Commit({.backends = {}, .namespaces = {{"orders", config}}}, {"test", ""}));
  for (const char* name : {"memory", "other"}) {
    v1::DeleteBackendRequest remove;
    remove.set_name(name);
    const auto refused = Call(*service_, &BackendAdminService::Delete, remove);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason(), "BACKEND_IN_USE");
    EXPECT_NE(refused.error().message().find("orders"), std::string::npos);
  }
}

TEST_F(BackendAdminTest, OnlyAdministratorsOfTheServerMay) {
  olgas_ = {"orders"};
  EXPECT_EQ(ReasonOf(Create(New("cache", ""), "olga")), "ACCESS_DENIED");
  EXPECT_EQ(
      ReasonOf(Call(*service_, &BackendAdminService::List, v1::ListBackendsRequest(), "olga")),
      "ACCESS_DENIED");
}

}  // namespace
}  // namespace prism::gateway

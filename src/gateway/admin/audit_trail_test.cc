#include "gateway/admin/audit_trail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <future>
#include <optional>

#include "gateway/admin/testing/admin_store.h"
#include "gateway/admin/token_admin.h"
#include "prism/admin/v1/backends.pb.h"
#include "prism/admin/v1/backends.prism.h"
#include "prism/admin/v1/config.pb.h"
#include "prism/admin/v1/config.prism.h"
#include "prism/admin/v1/namespaces.pb.h"
#include "prism/admin/v1/namespaces.prism.h"
#include "prism/admin/v1/tokens.pb.h"
#include "prism/admin/v1/tokens.prism.h"

namespace prism::gateway {
namespace {

namespace pb = prism::admin::v1;
using testing::AdminStoreTest;
using testing::kRita;
using testing::kZoe;

class RefusalTrailTest : public AdminStoreTest {
 protected:
  void Try(std::string_view who, std::string_view method = "Revoke") {
    TokenAdminService service({.tokens = *tokens_, .pool = pool_, .clock = clock_}, page_key_);
    Call(service, "/prism.admin.v1.TokenAdmin/" + std::string(method), pb::RevokeTokenRequest(),
         who, &trail());
    Written();
  }
  // A call of rita's that a service has refused.
  void Refuse(const contract::InterfaceInfo& interface, std::string_view method,
              const google::protobuf::Message& request) {
    const auto info = std::ranges::find(interface.methods, method, &contract::MethodInfo::name);
    ASSERT_NE(info, interface.methods.end());
    testing::FakeCall call(*info, request.SerializeAsString());
    const security::CallerRights rights(
        Guard(), security::Caller{.principal = kRita, .proof = security::Proof::kCertificate}, "");
    call.context().rights = &rights;
    trail().Note(call, Error(Code::kPermissionDenied, "ACCESS_DENIED", "no"));
    Written();
  }
  // The pool has one thread: what was noted is written before this.
  void Written() {
    std::promise<void> written;
    ASSERT_TRUE(pool_.Submit([&written] { written.set_value(); }));
    written.get_future().wait();
  }
  RefusalTrail& trail() {
    if (!trail_) {
      trail_.emplace(RefusalTrail::Parts{
          .pool = pool_, .database = store_->database(), .clock = clock_, .log = log_});
    }
    return *trail_;
  }
  // What was counted is in the audit.
  void Settle() { ASSERT_TRUE(trail().Flush(true)); }

  std::optional<RefusalTrail> trail_;
  const models::TokenKey page_key_ = models::TokenKey::Random();
};

TEST_F(RefusalTrailTest, ARefusalIsAnEntry) {
  Try(kRita);
  Settle();
  const auto audit = Audit();
  ASSERT_EQ(audit.size(), 1u);
  EXPECT_EQ(audit[0].entry.principal, kRita);
  EXPECT_EQ(audit[0].entry.action, "/prism.admin.v1.TokenAdmin/Revoke");
  EXPECT_EQ(audit[0].entry.code, "PERMISSION_DENIED");
  EXPECT_EQ(audit[0].entry.reason, "ACCESS_DENIED");
  EXPECT_EQ(audit[0].entry.request_id, "a-request");
}

TEST_F(RefusalTrailTest, AnEntryNamesWhatTheCallWasAbout) {
  pb::RevokeTokenRequest revoke;
  revoke.set_id("3fXa9");
  pb::CreateNamespaceRequest create;
  create.mutable_namespace_()->set_name("orders");
  pb::UpdateBackendRequest update;
  update.set_name("redis-1");
  pb::GetNamespaceRequest hostile;
  hostile.set_name("orders\n<script>");
  Refuse(pb::TokenAdmin::kInterface, "Revoke", revoke);
  Refuse(pb::NamespaceAdmin::kInterface, "Create", create);
  Refuse(pb::BackendAdmin::kInterface, "Update", update);
  Refuse(pb::NamespaceAdmin::kInterface, "Get", hostile);
  Refuse(pb::ConfigAdmin::kInterface, "RollBack", pb::RollBackConfigRequest());
  std::vector<std::string> objects;
  for (const auto& record : Audit()) objects.push_back(record.entry.object);
  EXPECT_THAT(objects, ::testing::ElementsAre("token/3fXa9", "namespace/orders", "backend/redis-1",
                                              "namespace", "config"));
}

TEST_F(RefusalTrailTest, ANumberNamesWhatItsRefusalsHaveInCommon) {
  pb::GetNamespaceRequest get;
  for (const char* name : {"orders", "orders", "orders"}) {
    get.set_name(name);
    Refuse(pb::NamespaceAdmin::kInterface, "Get", get);
  }
  for (const char* name : {"orders", "stock", "users"}) {
    get.set_name(name);
    Refuse(pb::NamespaceAdmin::kInterface, "History", get);
  }
  Settle();
  const auto audit = Audit();
  ASSERT_EQ(audit.size(), 4u);
  EXPECT_EQ(audit[2].entry.object, "namespace/orders");
  EXPECT_EQ(audit[2].entry.after, R"({"refusals":2})");
  EXPECT_EQ(audit[3].entry.object, "namespace");
  EXPECT_EQ(audit[3].entry.after, R"({"refusals":2})");
}

TEST_F(RefusalTrailTest, OtherErrorsAreNone) {
  Try(kZoe);  // TOKEN_NOT_FOUND
  Try("");    // CREDENTIALS_REQUIRED
  Settle();
  EXPECT_TRUE(Audit().empty());
}

TEST_F(RefusalTrailTest, WhatIsRepeatedIsCounted) {
  for (int i = 0; i < 40; ++i) Try(kRita);
  Try("x509:CN=ron");
  Try(kRita, "List");
  Settle();
  const auto audit = Audit();
  ASSERT_EQ(audit.size(), 4u);
  EXPECT_EQ(audit[3].entry.principal, kRita);
  EXPECT_EQ(audit[3].entry.after, R"({"refusals":39})");
}

TEST_F(RefusalTrailTest, ANewWindowBeginsWithAnEntry) {
  Try(kRita);
  Try(kRita);
  clock_.Advance(RefusalTrail::kWindow);
  Try(kRita);
  Settle();
  const auto audit = Audit();
  ASSERT_EQ(audit.size(), 3u);
  EXPECT_EQ(audit[1].entry.after, R"({"refusals":1})");
  EXPECT_EQ(audit[2].entry.after, "");
}

TEST_F(RefusalTrailTest, AFloodOfMinutesIsBoundedByTheHour) {
  constexpr int kTries = 300;
  for (int i = 0; i < kTries; ++i) {
    Try("x509:CN=" + std::to_string(i % 50));
    clock_.Advance(RefusalTrail::kWindow / 40);
  }
  clock_.Advance(3'600'000);
  Try(kRita);
  Settle();
  const auto audit = Audit();
  EXPECT_LE(audit.size(), std::size_t{2} * RefusalTrail::kMaxEntriesAnHour + 4);
  std::uint64_t counted = 0;
  for (const auto& record : audit) {
    const std::string& after = record.entry.after;
    counted += after.empty() ? 1 : std::stoull(after.substr(after.find(':') + 1));
  }
  EXPECT_EQ(counted, kTries + 1u);
  EXPECT_EQ(audit.back().entry.principal, kRita);
}

}  // namespace
}  // namespace prism::gateway

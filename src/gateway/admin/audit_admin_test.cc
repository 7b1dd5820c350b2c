#include "gateway/admin/audit_admin.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

#include "gateway/admin/testing/admin_store.h"

namespace prism::gateway {
namespace {

namespace pb = prism::admin::v1;
using testing::AdminStoreTest;
using testing::FakeCall;
using testing::kRita;
using testing::kStart;
using testing::kZoe;

class AuditAdminTest : public AdminStoreTest {
 protected:
  void SetUp() override {
    AdminStoreTest::SetUp();
    Record("ann", "namespace/orders", "OK");
    Record("bob", "namespace/users", "PERMISSION_DENIED");
    Record("ann", "token/3fX", "OK");
  }
  // A second after the one before.
  void Record(const std::string& who, const std::string& object, const std::string& code) {
    const security::AuditEntry entry{.principal = who,
                                     .proof = "token",
                                     .token_id = "aaaabbbbcccc",
                                     .peer = "10.0.0.1:5",
                                     .action = "/prism.admin.v1.X/Do",
                                     .object = object,
                                     .code = code,
                                     .reason = {},
                                     .before = {},
                                     .after = R"({"rate_limit_rps":5})",
                                     .request_id = "r"};
    EXPECT_TRUE(sqlite::WriteAndWait(store_->database(), [&](sqlite::Connection& connection) {
      return security::AppendAudit(connection, entry, clock_.Now());
    }));
    clock_.Advance(1000);
  }
  std::unique_ptr<FakeCall> Run(std::string_view method, const google::protobuf::Message& request,
                                std::string_view who = kZoe) {
    AuditAdminService service({.store = *store_, .pool = pool_}, page_key_);
    return Call(service, "/prism.admin.v1.AuditAdmin/" + std::string(method), request, who);
  }
  std::vector<std::int64_t> Found(const pb::ListAuditRequest& request) {
    std::vector<std::int64_t> ids;
    for (const auto& entry : Answer<pb::ListAuditResponse>(*Run("List", request)).entries()) {
      ids.push_back(entry.id());
    }
    return ids;
  }
  std::vector<std::int64_t> Filtered(const std::string& filter) {
    pb::ListAuditRequest request;
    request.set_filter(filter);
    return Found(request);
  }
  pb::VerifyAuditResponse Verify(const pb::VerifyAuditRequest& request = {}) {
    return Answer<pb::VerifyAuditResponse>(*Run("Verify", request));
  }

  using Ids = std::vector<std::int64_t>;
  const models::TokenKey page_key_ = models::TokenKey::Random();
};

TEST_F(AuditAdminTest, TellsAllOfAnEntry) {
  const auto list = Answer<pb::ListAuditResponse>(*Run("List", pb::ListAuditRequest()));
  ASSERT_EQ(list.entries_size(), 3);
  const pb::AuditEntry& first = list.entries(2);
  EXPECT_EQ(first.id(), 1);
  EXPECT_EQ(first.time().seconds(), kStart / 1000);
  EXPECT_EQ(first.principal(), "ann");
  EXPECT_EQ(first.proof(), "token");
  EXPECT_EQ(first.token_id(), "aaaabbbbcccc");
  EXPECT_EQ(first.peer(), "10.0.0.1:5");
  EXPECT_EQ(first.action(), "/prism.admin.v1.X/Do");
  EXPECT_EQ(first.object(), "namespace/orders");
  EXPECT_EQ(first.code(), "OK");
  EXPECT_EQ(first.before(), "");
  EXPECT_EQ(first.after(), R"({"rate_limit_rps":5})");
  EXPECT_EQ(first.request_id(), "r");
  EXPECT_EQ(first.hash().size(), 64u);
}

TEST_F(AuditAdminTest, FindsByWhoWhatAndWhen) {
  pb::ListAuditRequest request;
  request.set_principal("ann");
  EXPECT_EQ(Found(request), (Ids{3, 1}));
  request.set_object("namespace");
  EXPECT_EQ(Found(request), (Ids{1}));
  request.Clear();
  request.mutable_start_time()->set_seconds(kStart / 1000 + 1);
  EXPECT_EQ(Found(request), (Ids{3, 2}));
  request.mutable_end_time()->set_seconds(kStart / 1000 + 2);
  EXPECT_EQ(Found(request), (Ids{2}));
  request.set_action("/other");
  EXPECT_EQ(Found(request), Ids{});
}

TEST_F(AuditAdminTest, FindsByFilter) {
  EXPECT_EQ(Filtered("code != \"OK\""), (Ids{2}));
  EXPECT_EQ(Filtered("principal = ann AND object:token"), (Ids{3}));
  EXPECT_EQ(Filtered("time >= \"2023-11-14T22:13:21Z\" AND id < 3"), (Ids{2}));
  EXPECT_EQ(Filtered("orders OR users"), (Ids{2, 1}));
  EXPECT_EQ(Filtered("after:rate_limit_rps"), (Ids{3, 2, 1}));
}

TEST_F(AuditAdminTest, SaysWhereAFilterIsWrong) {
  for (const char* filter : {"principal = ", "colour = red", "id = three"}) {
    pb::ListAuditRequest request;
    request.set_filter(filter);
    const auto call = Run("List", request);
    ASSERT_NE(call->error, std::nullopt) << filter;
    EXPECT_EQ(call->error->code(), Code::kInvalidArgument) << filter;
  }
}

TEST_F(AuditAdminTest, AFilterAndAPrincipalHoldTogetherOnEveryPage) {
  for (int i = 0; i < 5; ++i) Record("ann", "namespace/orders", "OK");
  pb::ListAuditRequest request;
  request.set_principal("ann");
  request.set_filter("object = \"namespace/orders\"");
  request.set_page_size(4);
  const auto first = Answer<pb::ListAuditResponse>(*Run("List", request));
  ASSERT_EQ(first.entries_size(), 4);
  request.set_page_token(first.next_page_token());
  EXPECT_EQ(Found(request), (Ids{4, 1}));
  request.set_filter("object = \"namespace/users\"");
  EXPECT_EQ(Run("List", request)->error->reason(), "PAGE_TOKEN_MISMATCH");
}

TEST_F(AuditAdminTest, OnlyAdministratorsOfTheServerMay) {
  EXPECT_EQ(Run("List", pb::ListAuditRequest(), kRita)->error->reason(), "ACCESS_DENIED");
  EXPECT_EQ(Run("Verify", pb::VerifyAuditRequest(), kRita)->error->reason(), "ACCESS_DENIED");
  EXPECT_EQ(Run("Export", pb::ExportAuditRequest(), kRita)->error->reason(), "ACCESS_DENIED");
}

TEST_F(AuditAdminTest, VerifiesAWholeChain) {
  const auto verdict = Verify();
  EXPECT_FALSE(verdict.has_fault());
  EXPECT_EQ(verdict.rows(), 3);
  EXPECT_EQ(verdict.head_id(), 3);
  EXPECT_EQ(verdict.head_hash().size(), 64u);
  EXPECT_EQ(verdict.remembered_id(), 3);
}

TEST_F(AuditAdminTest, NamesTheFirstFault) {
  Tamper("DROP TRIGGER audit_log_is_not_changed");
  Tamper("UPDATE audit_log SET principal = 'eve' WHERE id = 2");
  const auto verdict = Verify();
  EXPECT_EQ(verdict.fault().id(), 2);
  EXPECT_EQ(verdict.rows(), 1);
}

TEST_F(AuditAdminTest, MissesNewestEntriesThatWereTakenAway) {
  Tamper("DROP TRIGGER audit_log_is_not_shortened");
  Tamper("DELETE FROM audit_log WHERE id = 3");
  EXPECT_EQ(Verify().fault().id(), 3);
  Record("ann", "namespace/orders", "OK");  // in its place
  EXPECT_EQ(Verify().fault().id(), 3);
}

TEST_F(AuditAdminTest, ChecksWhatTheCallerRemembers) {
  const auto before = Verify();
  pb::VerifyAuditRequest request;
  request.set_head_id(before.head_id());
  request.set_head_hash(before.head_hash());
  Record("bob", "namespace/orders", "OK");
  EXPECT_FALSE(Verify(request).has_fault());
  request.set_head_hash(std::string(64, '0'));
  EXPECT_EQ(Verify(request).fault().id(), 3);
  request.set_head_id(9);
  EXPECT_EQ(Verify(request).fault().id(), 5);
}

TEST_F(AuditAdminTest, ExportsAllInTheirOrder) {
  for (int i = 0; i < 1100; ++i) Record("bob", "namespace/orders", "OK");
  pb::ExportAuditRequest request;
  request.set_after_id(1);
  const auto call = Run("Export", request);
  EXPECT_EQ(call->error, std::nullopt);
  ASSERT_EQ(call->written.size(), 1102u);
  std::int64_t expected = 2;
  for (const std::string& bytes : call->written) {
    pb::AuditEntry entry;
    ASSERT_TRUE(entry.ParseFromString(bytes));
    ASSERT_EQ(entry.id(), expected++);
  }
}

}  // namespace
}  // namespace prism::gateway

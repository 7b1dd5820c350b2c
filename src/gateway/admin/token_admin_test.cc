#include "gateway/admin/token_admin.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>

#include "gateway/admin/testing/admin_store.h"

namespace prism::gateway {
namespace {

namespace pb = prism::admin::v1;
using testing::AdminStoreTest;
using testing::FakeCall;
using testing::kRita;
using testing::kStart;
using testing::kZoe;

class TokenAdminTest : public AdminStoreTest {
 protected:
  static pb::CreateTokenRequest Wanted(const std::string& name = "checkout") {
    pb::CreateTokenRequest request;
    request.set_name(name);
    request.set_principal("shop");
    request.set_scope("orders:write");
    return request;
  }
  std::unique_ptr<FakeCall> Run(std::string_view method, const google::protobuf::Message& request,
                                std::string_view who = kZoe) {
    TokenAdminService service({.tokens = *tokens_, .pool = pool_, .clock = clock_}, page_key_);
    return Call(service, "/prism.admin.v1.TokenAdmin/" + std::string(method), request, who);
  }
  pb::CreateTokenResponse Create(const pb::CreateTokenRequest& request) {
    return Answer<pb::CreateTokenResponse>(*Run("Create", request));
  }
  std::string Refusal(const pb::CreateTokenRequest& request) {
    const auto call = Run("Create", request);
    return call->error ? std::string(call->error->reason()) : "made";
  }
  pb::ListTokensResponse List(int page_size, const std::string& page_token = "",
                              bool active_only = false) {
    pb::ListTokensRequest request;
    request.set_page_size(page_size);
    request.set_page_token(page_token);
    request.set_active_only(active_only);
    return Answer<pb::ListTokensResponse>(*Run("List", request));
  }
  pb::Token Revoke(const std::string& id) {
    pb::RevokeTokenRequest request;
    request.set_id(id);
    return Answer<pb::Token>(*Run("Revoke", request));
  }

  const models::TokenKey page_key_ = models::TokenKey::Random();
};

TEST_F(TokenAdminTest, MakesATokenThatCountsAtOnceAndTellsItsTextOnce) {
  const auto made = Create(Wanted());
  const auto verified = table_->Verify(made.text(), kStart);
  ASSERT_TRUE(verified);
  EXPECT_EQ((*verified)->principal, "shop");
  EXPECT_EQ(made.token().state(), pb::Token::ACTIVE);
  EXPECT_EQ(made.token().created_by(), kZoe);
  EXPECT_EQ(made.token().expire_time().seconds(), kStart / 1000 + 90 * 24 * 3600);
  const auto listed = Run("List", pb::ListTokensRequest());
  EXPECT_EQ(listed->response.find(made.text().substr(20)), std::string::npos);
  EXPECT_NE(listed->response.find(made.token().id()), std::string::npos);
}

TEST_F(TokenAdminTest, SaysHowLongATokenCounts) {
  auto request = Wanted();
  request.mutable_ttl()->set_seconds(60);
  EXPECT_EQ(Create(request).token().expire_time().seconds(), kStart / 1000 + 60);
  request.set_never_expires(true);
  EXPECT_EQ(Refusal(request), "EXPIRY_INVALID");
  request.clear_ttl();
  EXPECT_FALSE(Create(request).token().has_expire_time());
  request.set_never_expires(false);
  for (const std::int64_t seconds :
       {std::int64_t{0}, std::int64_t{-5}, std::int64_t{3651} * 24 * 3600, INT64_MAX}) {
    request.mutable_ttl()->set_seconds(seconds);
    EXPECT_EQ(Refusal(request), "EXPIRY_INVALID") << seconds;
  }
  request.clear_ttl();
  for (const std::int64_t seconds : {kStart / 1000, kStart / 1000 - 1, INT64_MAX, INT64_MIN}) {
    request.mutable_expire_time()->set_seconds(seconds);
    EXPECT_EQ(Refusal(request), "EXPIRY_INVALID") << seconds;
  }
  request.mutable_expire_time()->set_seconds(kStart / 1000 + 1);
  EXPECT_EQ(Create(request).token().expire_time().seconds(), kStart / 1000 + 1);
}

TEST_F(TokenAdminTest, RefusesWhatIsNoToken) {
  auto request = Wanted("");
  EXPECT_EQ(Refusal(request), "BAD_TOKEN_NAME");
  request = Wanted();
  request.set_principal("unix:root");
  EXPECT_EQ(Refusal(request), "BAD_PRINCIPAL");
  // What was meant for elsewhere is not kept.
  const std::string secret = Create(Wanted()).text();
  EXPECT_EQ(Refusal(Wanted(secret)), "BAD_TOKEN_NAME");
  request = Wanted();
  request.set_principal(secret);
  EXPECT_EQ(Refusal(request), "BAD_PRINCIPAL");
  request = Wanted();
  request.set_scope("orders:everything");
  EXPECT_EQ(Refusal(request), "BAD_SCOPE");
  EXPECT_EQ(Audit().size(), 1u);
}

TEST_F(TokenAdminTest, OnlyAdministratorsOfTheServerMay) {
  const std::string id = Create(Wanted()).token().id();
  pb::RevokeTokenRequest revoke;
  revoke.set_id(id);
  EXPECT_EQ(Run("Create", Wanted(), kRita)->error->reason(), "ACCESS_DENIED");
  EXPECT_EQ(Run("List", pb::ListTokensRequest(), kRita)->error->reason(), "ACCESS_DENIED");
  EXPECT_EQ(Run("Revoke", revoke, kRita)->error->reason(), "ACCESS_DENIED");
  revoke.set_id("nothing");  // permission before existence
  EXPECT_EQ(Run("Revoke", revoke, kRita)->error->reason(), "ACCESS_DENIED");
  EXPECT_EQ(Run("Revoke", revoke)->error->reason(), "TOKEN_NOT_FOUND");
}

TEST_F(TokenAdminTest, WhatIsRevokedCountsNoMore) {
  const auto made = Create(Wanted());
  const auto revoked = Revoke(made.token().id());
  EXPECT_EQ(revoked.state(), pb::Token::REVOKED);
  EXPECT_EQ(revoked.revoked_by(), kZoe);
  EXPECT_EQ(table_->Verify(made.text(), kStart).error().reason(), "TOKEN_REVOKED");
  EXPECT_EQ(Revoke(made.token().id()).revoke_time().seconds(), revoked.revoke_time().seconds());
}

TEST_F(TokenAdminTest, EachChangeIsInTheAuditWithoutSecrets) {
  const auto made = Create(Wanted());
  Revoke(made.token().id());
  Revoke(made.token().id());  // changes nothing
  const auto audit = Audit();
  ASSERT_EQ(audit.size(), 2u);
  const security::AuditEntry& created = audit[0].entry;
  EXPECT_EQ(created.principal, kZoe);
  EXPECT_EQ(created.proof, "certificate");
  EXPECT_EQ(created.peer, "127.0.0.1:1");
  EXPECT_EQ(created.action, "/prism.admin.v1.TokenAdmin/Create");
  EXPECT_EQ(created.object, "token/" + made.token().id());
  EXPECT_EQ(created.code, "OK");
  EXPECT_EQ(created.request_id, "a-request");
  EXPECT_EQ(created.before, "");
  EXPECT_NE(created.after.find(R"("scope":"orders:write")"), std::string::npos);
  const security::AuditEntry& revoked = audit[1].entry;
  EXPECT_EQ(revoked.before, created.after);
  EXPECT_NE(revoked.after.find("revoked_at"), std::string::npos);
  for (const auto& record : audit) {
    EXPECT_EQ(security::AuditLine(record).find(made.text().substr(20)), std::string::npos);
  }
}

TEST_F(TokenAdminTest, ListsInPagesNewestFirst) {
  for (int i = 0; i < 7; ++i) {
    clock_.Advance(i % 2);  // some at the same moment
    Create(Wanted("t" + std::to_string(i)));
  }
  std::vector<std::string> ids;
  std::string next;
  WallMillis newest = INT64_MAX;
  do {
    const auto page = List(3, next);
    for (const auto& token : page.tokens()) {
      const WallMillis made =
          token.create_time().seconds() * 1000 + token.create_time().nanos() / 1'000'000;
      EXPECT_LE(made, newest);
      newest = made;
      ids.push_back(token.id());
    }
    next = page.next_page_token();
    // What is new meanwhile neither shifts the pages nor is it in them.
    Create(Wanted("later"));
  } while (!next.empty());
  EXPECT_EQ(ids.size(), 7u);
  EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), 7u);
}

TEST_F(TokenAdminTest, APageTokenIsOfItsQuery) {
  for (int i = 0; i < 3; ++i) Create(Wanted());
  const std::string next = List(1).next_page_token();
  for (const bool forged : {false, true}) {
    pb::ListTokensRequest request;
    request.set_active_only(!forged);
    request.set_page_token(forged ? "Zm9yZ2VkIGJ5IHNvbWVib2R5IGVsc2U" : next);
    EXPECT_EQ(Run("List", request)->error->reason(), "PAGE_TOKEN_MISMATCH");
  }
  pb::ListTokensRequest request;
  request.set_page_size(1001);
  EXPECT_EQ(Run("List", request)->error->reason(), "BAD_PAGE_SIZE");
}

TEST_F(TokenAdminTest, LeavesOutWhatHasEndedWhenAsked) {
  const auto revoked = Create(Wanted());
  Revoke(revoked.token().id());
  auto brief = Wanted();
  brief.mutable_ttl()->set_seconds(1);
  Create(brief);
  const auto kept = Create(Wanted());
  clock_.Advance(1000);
  EXPECT_EQ(List(10).tokens_size(), 3);
  const auto active = List(10, "", true);
  ASSERT_EQ(active.tokens_size(), 1);
  EXPECT_EQ(active.tokens(0).id(), kept.token().id());
}

}  // namespace
}  // namespace prism::gateway

#include "security/access.h"

#include <gtest/gtest.h>

#include <array>

namespace prism::security {
namespace {

Caller By(std::string_view principal, const TokenScope* scope = nullptr) {
  return {.principal = principal, .proof = Proof::kToken, .token_id = {}, .scope = scope};
}

class AccessTableTest : public ::testing::Test {
 protected:
  const NamespaceAccess orders_{.owner = "olga",
                                .read = {"rita", "wanda", "*"},
                                .write = {"wanda", "ada"},
                                .admin = {"ada", "unix:root"}};
  const NamespaceAccess closed_{.owner = "olga", .read = {"rita"}, .write = {}, .admin = {}};
  const NamespaceAccess nobodys_;
  const std::array<std::string, 2> admins_ = {"zoe", "unix:root"};
  const std::array<AccessTable::Entry, 3> entries_ = {
      {{"orders", &orders_}, {"closed", &closed_}, {"nobodys", &nobodys_}}};
  const AccessTable table_{admins_, entries_};
};

TEST_F(AccessTableTest, ListsGrantTheirLevels) {
  EXPECT_EQ(table_.LevelOn(By("rita"), "orders"), Permission::kRead);
  EXPECT_EQ(table_.LevelOn(By("wanda"), "orders"), Permission::kWrite);
  EXPECT_EQ(table_.LevelOn(By("ada"), "orders"), Permission::kAdmin);
  EXPECT_EQ(table_.LevelOn(By("olga"), "orders"), Permission::kAdmin);
  EXPECT_EQ(table_.LevelOn(By("rita"), "closed"), Permission::kRead);
  EXPECT_EQ(table_.LevelOn(By("olga"), "closed"), Permission::kAdmin);
}

TEST_F(AccessTableTest, WhatIsNotGrantedIsDenied) {
  EXPECT_EQ(table_.LevelOn(By("wanda"), "closed"), Permission::kNone);
  EXPECT_EQ(table_.LevelOn(By("rita"), "nobodys"), Permission::kNone);
  EXPECT_EQ(table_.LevelOn(By("rita"), "missing"), Permission::kNone);
  EXPECT_EQ(table_.LevelOn(By("rit"), "closed"), Permission::kNone);
  EXPECT_EQ(table_.LevelOn(By(""), "nobodys"), Permission::kNone);
}

TEST_F(AccessTableTest, TheStarIsWhoeverIsAuthenticated) {
  EXPECT_EQ(table_.LevelOn(By("somebody"), "orders"), Permission::kRead);
  EXPECT_EQ(table_.LevelOn(Caller(), "orders"), Permission::kNone);
  // A principal that is spelled so does not become everybody, nor an administrator unproven.
  EXPECT_EQ(table_.LevelOn(By("*"), "closed"), Permission::kNone);
  EXPECT_EQ(table_.LevelOn(Caller{.principal = "zoe"}, "orders"), Permission::kNone);
  EXPECT_FALSE(table_.IsServerAdmin(Caller{.principal = "zoe"}));
}

TEST_F(AccessTableTest, ScopesNarrow) {
  const TokenScope read = *TokenScope::Parse("orders:read");
  EXPECT_EQ(table_.LevelOn(By("ada", &read), "orders"), Permission::kRead);
  EXPECT_EQ(table_.LevelOn(By("olga", &read), "closed"), Permission::kNone);
  const TokenScope wide = *TokenScope::Parse("*:admin");
  EXPECT_EQ(table_.LevelOn(By("wanda", &wide), "orders"), Permission::kWrite);
  EXPECT_EQ(table_.LevelOn(By("rita", &wide), "nobodys"), Permission::kNone);
}

TEST_F(AccessTableTest, AdministratorsMayEverything) {
  EXPECT_TRUE(table_.CheckServer(By("zoe")));
  EXPECT_TRUE(table_.Check(By("zoe"), "closed", Permission::kAdmin));
  // Who may everything is told what is not there.
  EXPECT_TRUE(table_.Check(By("zoe"), "missing", Permission::kRead));
  const TokenScope admin = *TokenScope::Parse("admin");
  EXPECT_TRUE(table_.CheckServer(By("rita", &admin)));
  EXPECT_TRUE(table_.Check(By("rita", &admin), "closed", Permission::kAdmin));
  // An administrator's narrow token is no administrator.
  const TokenScope narrow = *TokenScope::Parse("orders:write");
  EXPECT_FALSE(table_.CheckServer(By("zoe", &narrow)));
  EXPECT_EQ(table_.LevelOn(By("zoe", &narrow), "orders"), Permission::kWrite);
  EXPECT_EQ(table_.LevelOn(By("zoe", &narrow), "closed"), Permission::kNone);
  EXPECT_FALSE(table_.CheckServer(By("olga")));
}

TEST_F(AccessTableTest, OtherAdministratorsLeaveTheListsAsTheyAre) {
  const std::array<std::string, 1> admins = {"ben"};
  const auto table = table_.With(admins);
  EXPECT_TRUE(table->CheckServer(By("ben")));
  EXPECT_FALSE(table->CheckServer(By("zoe")));
  EXPECT_EQ(table->LevelOn(By("wanda"), "orders"), Permission::kWrite);
  EXPECT_EQ(table->LevelOn(By("zoe"), "closed"), Permission::kNone);
}

TEST_F(AccessTableTest, RefusalsAreTheSameWhetherThereIsSuchANamespace) {
  const auto there = table_.Check(By("eve"), "closed", Permission::kRead);
  const auto missing = table_.Check(By("eve"), "vanish", Permission::kRead);
  ASSERT_FALSE(there);
  ASSERT_FALSE(missing);
  EXPECT_EQ(there.error().code(), Code::kPermissionDenied);
  EXPECT_EQ(there.error().reason(), "ACCESS_DENIED");
  std::string message = there.error().message();
  message.replace(message.find("closed"), 6, "vanish");
  EXPECT_EQ(message, missing.error().message());
  EXPECT_EQ(there.error().metadata(), missing.error().metadata());
}

TEST_F(AccessTableTest, RefusalsSayWhy) {
  const TokenScope read = *TokenScope::Parse("orders:read");
  EXPECT_TRUE(table_.Check(By("ada", &read), "orders", Permission::kWrite)
                  .error()
                  .message()
                  .starts_with("the scope of the token"));
  EXPECT_TRUE(table_.Check(By("rita"), "orders", Permission::kWrite)
                  .error()
                  .message()
                  .starts_with("\"rita\" has no write permission"));
  // What is no name is not repeated.
  EXPECT_EQ(
      table_.Check(By("rita"), "Some\nThing", Permission::kRead).error().message().find("Some"),
      std::string::npos);
}

TEST_F(AccessTableTest, AnEmptyTableDeniesEverything) {
  const AccessTable empty({}, {});
  EXPECT_EQ(empty.LevelOn(By("zoe"), "orders"), Permission::kNone);
  EXPECT_FALSE(empty.CheckServer(By("zoe")));
}

TEST(CheckAccessTest, NamesEveryTextThatIsNoPrincipal) {
  NamespaceAccess access{.owner = "team-a", .read = {"*", "unix:ann"}, .write = {}, .admin = {}};
  EXPECT_TRUE(CheckAccess(access));
  EXPECT_TRUE(CheckAccess({}));
  access.owner = "*";
  access.read.emplace_back("");
  access.admin = {"ok", "not ok"};
  const auto checked = CheckAccess(access);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().reason(), "BAD_PRINCIPAL");
  ASSERT_EQ(checked.error().fields().size(), 3u);
  EXPECT_EQ(checked.error().fields()[0].field, "access.read[2]");
  EXPECT_EQ(checked.error().fields()[1].field, "access.admin[1]");
  EXPECT_EQ(checked.error().fields()[2].field, "owner");
}

}  // namespace
}  // namespace prism::security

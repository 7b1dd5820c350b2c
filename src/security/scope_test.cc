#include "security/scope.h"

#include <gtest/gtest.h>

namespace prism::security {
namespace {

TEST(TokenScopeTest, AdminMayEverything) {
  const TokenScope scope = *TokenScope::Parse("admin");
  EXPECT_TRUE(scope.server_admin());
  EXPECT_EQ(scope.LevelOn("anything"), Permission::kAdmin);
  EXPECT_EQ(scope.ToString(), "admin");
}

TEST(TokenScopeTest, NamedNamespacesHaveTheirLevelsAndOthersNone) {
  const TokenScope scope = *TokenScope::Parse(" users:write, orders:read ");
  EXPECT_FALSE(scope.server_admin());
  EXPECT_EQ(scope.LevelOn("orders"), Permission::kRead);
  EXPECT_EQ(scope.LevelOn("users"), Permission::kWrite);
  EXPECT_EQ(scope.LevelOn("order"), Permission::kNone);
  EXPECT_EQ(scope.LevelOn("orders2"), Permission::kNone);
  EXPECT_EQ(scope.LevelOn(""), Permission::kNone);
  EXPECT_EQ(scope.ToString(), "orders:read,users:write");
  EXPECT_EQ(*TokenScope::Parse(scope.ToString()), scope);
}

TEST(TokenScopeTest, TheStarIsALowerBound) {
  const TokenScope scope = *TokenScope::Parse("*:write,a:read,b:admin");
  EXPECT_EQ(scope.LevelOn("a"), Permission::kWrite);
  EXPECT_EQ(scope.LevelOn("b"), Permission::kAdmin);
  EXPECT_EQ(scope.LevelOn("c"), Permission::kWrite);
  EXPECT_EQ(*TokenScope::Parse(scope.ToString()), scope);
}

TEST(TokenScopeTest, GrantsNothingByDefault) {
  EXPECT_EQ(TokenScope().LevelOn("a"), Permission::kNone);
  EXPECT_FALSE(TokenScope().server_admin());
}

TEST(TokenScopeTest, RefusesWhatIsNoScope) {
  for (const std::string_view wrong :
       {"", ",", "orders", "orders:", "orders:none", "orders:READ", ":read", "Orders:read",
        "a:read,", "a:read,a:write", "*:read,*:write", "a*:read", "admin,a:read",
        "a:read;b:read"}) {
    const auto scope = TokenScope::Parse(wrong);
    ASSERT_FALSE(scope) << wrong;
    EXPECT_EQ(scope.error().reason(), "BAD_SCOPE") << wrong;
    EXPECT_EQ(scope.error().fields().at(0).field, "scope");
  }
  std::string many = "n0:read";
  for (std::size_t i = 1; i < TokenScope::kMaxGrants; ++i) {
    many += ",n" + std::to_string(i) + ":read";
  }
  EXPECT_TRUE(TokenScope::Parse(many));
  EXPECT_FALSE(TokenScope::Parse(many + ",one-more:read"));
}

TEST(TokenScopeTest, ErrorsRepeatNothingThatCouldBeASecret) {
  const auto scope = TokenScope::Parse("Hunter2Secret:read");
  EXPECT_EQ(scope.error().ToString().find("Hunter2Secret"), std::string::npos);
}

}  // namespace
}  // namespace prism::security

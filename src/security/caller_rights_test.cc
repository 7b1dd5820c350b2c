#include "security/caller_rights.h"

#include <gtest/gtest.h>

#include <array>

#include "security/access.h"

namespace prism::security {
namespace {

std::shared_ptr<const Guard> GuardOf(bool required) {
  const NamespaceAccess orders{.owner = {}, .read = {}, .write = {}, .admin = {"ada"}};
  const std::array<std::string, 1> admins = {"zoe"};
  const std::array<AccessTable::Entry, 1> entries = {{{"orders", &orders}}};
  return std::make_shared<const Guard>(
      std::make_shared<const Authenticator>(
          Authenticator::Options{.required = required, .names = {}},
          std::make_shared<const TokenTable>(std::vector<TokenTable::Row>())),
      std::make_shared<const AccessTable>(admins, entries));
}

Caller Known(std::string_view principal) {
  return {.principal = principal, .proof = Proof::kCertificate, .token_id = {}, .scope = nullptr};
}

TEST(CallerRightsTest, AskTheGuard) {
  const CallerRights ada(GuardOf(true), Known("ada"), "127.0.0.1:4711");
  EXPECT_TRUE(ada.CheckIdentity());
  EXPECT_TRUE(ada.Check("orders", Permission::kAdmin));
  EXPECT_EQ(ada.Check("users", Permission::kRead).error().reason(), "ACCESS_DENIED");
  EXPECT_EQ(ada.CheckServer().error().reason(), "ACCESS_DENIED");
  EXPECT_EQ(ada.peer(), "127.0.0.1:4711");

  const CallerRights zoe(GuardOf(true), Known("zoe"), "");
  EXPECT_TRUE(zoe.CheckServer());
  EXPECT_TRUE(zoe.Check("not-there", Permission::kAdmin));
}

TEST(CallerRightsTest, OutliveTheConnection) {
  auto principal = std::make_unique<std::string>("ada");
  const CallerRights rights(GuardOf(true), Known(*principal), "");
  principal->assign("zoe");  // what the views were of has another content now
  principal.reset();
  EXPECT_EQ(rights.caller().principal, "ada");
  EXPECT_FALSE(rights.CheckServer());
}

TEST(CallerRightsTest, ACopyStaysAsItWas) {
  CallerRights rights(GuardOf(true), Known("zoe"), "");
  const CallerRights copy = rights;
  rights.Renew(GuardOf(true), Known("somebody else with a long name"));
  EXPECT_EQ(copy.caller().principal, "zoe");
  EXPECT_TRUE(copy.CheckServer());
  EXPECT_FALSE(rights.CheckServer());
}

TEST(CallerRightsTest, WhoIsNotKnownMayNothing) {
  const CallerRights rights(
      GuardOf(true),
      std::unexpected(Error(Code::kUnauthenticated, "CREDENTIALS_REQUIRED", "show a token")), "");
  EXPECT_EQ(rights.CheckIdentity().error().reason(), "CREDENTIALS_REQUIRED");
  EXPECT_EQ(rights.CheckServer().error().code(), Code::kUnauthenticated);
  EXPECT_EQ(rights.Check("orders", Permission::kRead).error().code(), Code::kUnauthenticated);
  EXPECT_EQ(rights.caller().principal, kAnonymous);
}

TEST(CallerRightsTest, WithoutAuthenticationEverybodyMayEverything) {
  const CallerRights rights(Guard::Open(), Caller(), "127.0.0.1:1");
  EXPECT_TRUE(rights.CheckIdentity());
  EXPECT_TRUE(rights.CheckServer());
  EXPECT_TRUE(rights.Check("any", Permission::kAdmin));
}

}  // namespace
}  // namespace prism::security

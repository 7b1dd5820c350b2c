#include "branching/proxy/roles.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace prism::branching {
namespace {

constexpr std::int64_t kNow = 1'000;
constexpr std::string_view kHash = "a9ba6b25575cb3249fe2b9a73096725e";

Role With(StoredPassword password) {
  return {.password = std::move(password), .may_login = true, .valid_until = {}};
}

Md5Password Md5() { return {.hex = std::string(kHash)}; }

Roles Some() {
  std::map<std::string, Role, std::less<>> roles;
  roles["ann"] = With(ScramVerifier::FromPassword("secret", 1).value());
  roles["old"] = With(Md5());
  roles["bare"] = With(NoPassword());
  roles["group"] = With(Md5());
  roles["group"].may_login = false;
  roles["gone"] = With(Md5());
  roles["gone"].valid_until = kNow;
  roles["soon"] = With(Md5());
  roles["soon"].valid_until = kNow + 1;
  return {std::move(roles), "a secret of the test"};
}

bool IsGenuine(const LoginCheck& check) {
  return std::visit([](const auto& verifier) { return verifier.genuine; }, check);
}

TEST(Roles, AreCheckedByThePasswordThatTheyHave) {
  const Roles roles = Some();
  EXPECT_TRUE(std::get<LoginVerifier>(roles.CheckOf("ann", kNow)).genuine);
  for (const char* user : {"old", "soon"}) {
    const auto check = std::get<Md5Verifier>(roles.CheckOf(user, kNow));
    EXPECT_TRUE(check.genuine) << user;
    EXPECT_EQ(check.hex, kHash) << user;
  }
}

TEST(Roles, MockWhoCanNotLogIn) {
  const Roles roles = Some();
  for (const char* user : {"bare", "group", "gone", "nobody", ""}) {
    EXPECT_FALSE(IsGenuine(roles.CheckOf(user, kNow))) << user;
  }
}

// Of four roles with a password that may log in three are asked for MD5, so whoever is not there is
// as often, and always in the same way.
TEST(Roles, MocksAreAskedAsOthersAre) {
  const Roles roles = Some();
  int md5 = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string user = "user" + std::to_string(i);
    const LoginCheck check = roles.CheckOf(user, kNow);
    EXPECT_FALSE(IsGenuine(check));
    EXPECT_EQ(check.index(), roles.CheckOf(user, kNow).index());
    if (std::holds_alternative<Md5Verifier>(check)) ++md5;
  }
  EXPECT_GT(md5, 650);
  EXPECT_LT(md5, 850);

  std::map<std::string, Role, std::less<>> only;
  only["ann"] = With(ScramVerifier::FromPassword("secret", 1).value());
  const Roles modern(std::move(only), "a secret of the test");
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(
        std::holds_alternative<LoginVerifier>(modern.CheckOf("user" + std::to_string(i), kNow)));
  }
  EXPECT_TRUE(std::holds_alternative<LoginVerifier>(Roles({}, "x").CheckOf("ann", kNow)));
}

}  // namespace
}  // namespace prism::branching

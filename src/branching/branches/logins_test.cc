#include "branching/branches/logins.h"

#include <gtest/gtest.h>

namespace prism::branching {
namespace {

TEST(Logins, SayWhoCanNot) {
  LoginRoles roles;
  EXPECT_EQ(DescribeLogins(roles), "0 roles can log in");
  roles.Add("ann", true);
  EXPECT_EQ(DescribeLogins(roles), "1 role can log in");
  roles.Add("bob", true);
  EXPECT_EQ(DescribeLogins(roles), "2 roles can log in");
  roles.Add("carl", false);
  roles.Add("dora", false);
  EXPECT_EQ(DescribeLogins(roles), "2 of 4 roles can't log in, having no password: carl, dora");
  for (const char* name : {"e", "f", "g", "h"}) roles.Add(name, false);
  EXPECT_EQ(DescribeLogins(roles),
            "6 of 8 roles can't log in, having no password: carl, dora, e, f, g and 1 more");
}

}  // namespace
}  // namespace prism::branching

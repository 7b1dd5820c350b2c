#include "cli/edit_text.h"

#include <gtest/gtest.h>

#include <string>

namespace prism::cli {
namespace {

prism::admin::v1::Namespace Orders() {
  prism::admin::v1::Namespace orders;
  orders.set_name("orders");
  orders.set_backend("memory");
  orders.set_rate_limit_rps(100);
  orders.set_revision(12);
  return orders;
}

TEST(EditTextTest, ShowsWhatIsSetAndNamesTheRest) {
  const std::string text = EditableText(Orders());
  EXPECT_TRUE(text.starts_with("# The namespace orders at revision 12."));
  EXPECT_NE(text.find("\n# Not set: pattern, patterns, status, "), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("\nname: orders\nbackend: memory\nrate_limit_rps: 100\n"));
}

TEST(EditTextTest, MistakesStandAboveWithTheLinesThatTheyAreOnNow) {
  const std::string text = "# comment\nrate_limit_rps: many\n";
  const std::string told = WithMistakes(
      text, {{.mark = {.line = 2, .column = 17}, .reason = "BAD_VALUE", .message = "a\nb"},
             {.mark = {.line = 0, .column = 0}, .reason = "backend", .message = "unknown"}});
  // Two lines for the first, which then is on line 6.
  EXPECT_EQ(told,
            "#! This can't be taken as it is. Mend it, or leave without a change:\n"
            "#!   line 6, column 17: BAD_VALUE: a\n"
            "#! b\n"
            "#!   backend: unknown\n" +
                text);
  EXPECT_EQ(WithoutMistakes(told), text);
  EXPECT_EQ(WithoutMistakes("#!\n# a\nb"), "# a\nb");
}

TEST(EditTextTest, WhatTheServerSaysIsAProblemEach) {
  const auto one = ProblemsOf(Error(Code::kFailedPrecondition, "DRIVER_NOT_INSTALLED", "no redis"));
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].reason + " " + one[0].message, "DRIVER_NOT_INSTALLED no redis");
  const auto two = ProblemsOf(Error(Code::kInvalidArgument, "CONFIG_INVALID", "two mistakes")
                                  .WithField("tags", "too long")
                                  .WithField("", "and so on"));
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0].reason, "tags");
  EXPECT_EQ(two[1].reason, "CONFIG_INVALID");
}

}  // namespace
}  // namespace prism::cli

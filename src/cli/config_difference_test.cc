#include "cli/config_difference.h"

#include <gtest/gtest.h>

namespace prism::cli {
namespace {

TEST(ConfigDifferenceTest, IsToldLikeADiff) {
  prism::admin::v1::DiffConfigResponse response;
  auto& updated = *response.add_differences();
  updated.set_kind("namespace");
  updated.set_name("orders");
  updated.set_operation("update");
  auto& rate = *updated.add_fields();
  rate.set_field("rate_limit_rps");
  rate.set_before("100");
  rate.set_after("500");
  auto& tags = *updated.add_fields();
  tags.set_field("tags");
  tags.set_before("[]");
  tags.set_after(R"(["a","b: c"])");
  auto& gone = *response.add_differences();
  gone.set_kind("backend");
  gone.set_name("old");
  gone.set_operation("delete");
  EXPECT_EQ(DifferencesText(response.differences()),
            "@@ namespace orders: update @@\n"
            "-rate_limit_rps: 100\n"
            "+rate_limit_rps: 500\n"
            "-tags: []\n"
            "+tags:\n"
            "+  - a\n"
            "+  - \"b: c\"\n"
            "@@ backend old: delete @@\n");
  EXPECT_EQ(DifferencesCount(1, 1), "1 difference");
  EXPECT_EQ(DifferencesCount(4000, 1000), "4000 differences, of which 1000 are shown");
}

}  // namespace
}  // namespace prism::cli

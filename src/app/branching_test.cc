#include "app/branching.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/branches_page.h"

namespace prism::app {
namespace {

TEST(BranchingTest, PatternsOfNames) {
  const auto matches = [](std::string_view pattern, std::string_view name) {
    return MatchesAny({std::string(pattern)}, name);
  };
  EXPECT_TRUE(matches("*", "anything"));
  EXPECT_TRUE(matches("pr-*", "pr-7"));
  EXPECT_TRUE(matches("pr-*", "pr-"));
  EXPECT_TRUE(matches("*-dev", "ann-x-dev"));
  EXPECT_TRUE(matches("a*b*c", "a-b-b-c"));
  EXPECT_FALSE(matches("a*b*c", "a-b-b"));
  EXPECT_FALSE(matches("pr-*", "my-pr-7"));
  EXPECT_FALSE(matches("dev", "dev2"));
  EXPECT_FALSE(matches("", "dev"));
  EXPECT_TRUE(MatchesAny({"dev", "pr-*"}, "dev"));
  EXPECT_FALSE(MatchesAny({}, "dev"));
}

TEST(BranchingTest, RulesSayWhoMakesWhat) {
  const std::vector<namespaces::AutoCreateRule> rules = {
      {.users = {}, .names = {"dev"}}, {.users = {"ci", "bot-*"}, .names = {"pr-*", "Nightly"}}};
  const auto may = [&rules](const std::string& user, const char* name) {
    return MayCreate(rules, {.branch = branching::BranchName::From(name).value(),
                             .from = {},
                             .ttl = {},
                             .user = user,
                             .peer = {}});
  };
  EXPECT_TRUE(may("ann", "dev"));
  EXPECT_TRUE(may("ci", "dev"));
  EXPECT_TRUE(may("ci", "pr-7"));
  EXPECT_TRUE(may("bot-2", "pr-7"));
  EXPECT_TRUE(may("ci", "Nightly"));
  EXPECT_FALSE(may("ann", "pr-7"));
  EXPECT_FALSE(may("ci", "other"));
  EXPECT_FALSE(MayCreate({}, {.branch = branching::BranchName::From("dev").value(),
                              .from = {},
                              .ttl = {},
                              .user = "ci",
                              .peer = {}}));
}

branching::BranchStatus Status(std::string name, branching::BranchState state) {
  branching::BranchStatus status;
  status.branch.name = std::move(name);
  status.state = state;
  status.last_activity = 1'764'712'903'456;
  return status;
}

// What small tools read of `GET /branches`.
TEST(BranchingTest, ThePageIsAPlainMap) {
  using enum branching::BranchState;
  const auto page =
      nlohmann::json::parse(LastActivityJson(std::vector{Status("amazing-feature", kRunning)}));
  EXPECT_EQ(page, nlohmann::json::parse(R"({"amazing-feature": "2025-12-02T22:01:43Z"})"));
  EXPECT_EQ(LastActivityJson({}), "{}\n");
}

TEST(BranchingTest, ThePageHasStoppedBranchesAndNoDeletedOnes) {
  using enum branching::BranchState;
  const auto page = nlohmann::json::parse(
      LastActivityJson(std::vector{Status("asleep", kStopped), Status("gone", kDeleted),
                                   Status("going", kRemoving), Status("not-yet", kMaking)}));
  EXPECT_EQ(page.size(), 1u);
  EXPECT_TRUE(page.contains("asleep"));
}

}  // namespace
}  // namespace prism::app

#include "cli/message_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/message_output.h"
#include "prism/admin/v1/backends.pb.h"
#include "prism/admin/v1/namespaces.pb.h"

namespace prism::cli {
namespace {

namespace adminpb = ::prism::admin::v1;
using namespaces::Problems;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::vector<std::string> MistakesIn(const std::string& text) {
  adminpb::Namespace ns;
  Problems problems("f");
  ReadYaml(text, ns, problems);
  std::vector<std::string> all;
  for (const auto& problem : problems.all()) {
    all.push_back(std::to_string(problem.mark.line) + " " + problem.reason + " " + problem.message);
  }
  return all;
}

TEST(MessageInputTest, SlotsOfOnePatternAreAStackOfOne) {
  adminpb::Namespace ns;
  Problems problems("f");
  const std::vector<std::string> names = ReadYaml(
      "pattern: multicast-registry\n"
      "slots: {registry: {backend: redis-cache, interface: keyvalue_basic}, messaging: {backend: "
      "b}}",
      ns, problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(names, (std::vector<std::string>{"pattern", "patterns", "backend"}));
  EXPECT_EQ(ns.pattern(), "multicast-registry");
  EXPECT_EQ(ns.backend(), "redis-cache");
  ASSERT_EQ(ns.patterns_size(), 1);
  EXPECT_EQ(ns.patterns(0).type(), "multicast-registry");
  EXPECT_EQ(ns.patterns(0).slots().at("registry").interface(), "keyvalue_basic");
  EXPECT_EQ(ns.patterns(0).slots().at("messaging").backend(), "b");
}

TEST(MessageInputTest, ShortFormsThatCanNotBeTakenSayWhatCan) {
  EXPECT_THAT(MistakesIn("backend: redis\nconnection_string: \"redis://h\"\n"),
              ElementsAre(AllOf(StartsWith("2 NEEDS_IMPORT"), HasSubstr("prism config import"))));
  EXPECT_THAT(MistakesIn("slots: {a: {backend: b}}"), ElementsAre(StartsWith("1 MISSING_KEY")));
  EXPECT_THAT(MistakesIn("pattern: p\npatterns: [{type: p}]\nslots: {}"),
              ElementsAre(StartsWith("3 BAD_VALUE")));
  EXPECT_THAT(MistakesIn("pattern: p\nslots: [a]"), ElementsAre(StartsWith("2 BAD_VALUE")));
}

TEST(MessageInputTest, WhatWasPrintedIsRead) {
  const std::string text =
      "name: orders\n"
      "backend: redis-1\n"
      "patterns:\n"
      "  - type: claim-check\n"
      "    slots:\n"
      "      objects:\n"
      "        backend: files\n"
      "    config:\n"
      "      threshold: 256KiB\n"
      "status: migrating\n"
      "access:\n"
      "  write:\n"
      "    - unix:ann\n"
      "tags:\n"
      "  - \"12\"\n"
      "features:\n"
      "  new-checkout: true\n"
      "rate_limit_rps: 500\n"
      "default_timeout: 1500ms\n"
      "max_value_bytes: 64KiB\n"
      "dedup_window: 10m\n";
  adminpb::Namespace ns;
  Problems problems("f");
  const std::vector<std::string> names = ReadYaml(text + "revision: 12\n", ns, problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(names.front(), "name");
  EXPECT_EQ(names.back(), "dedup_window");
  EXPECT_EQ(ns.revision(), 0);
  std::string printed = MessageToYaml(ns, kSettingsForm);
  EXPECT_EQ(printed.replace(printed.find("1s500ms"), 7, "1500ms"), text);
}

TEST(MessageInputTest, EveryMistakeIsToldWithItsPlace) {
  EXPECT_EQ(MistakesIn("name: a\n"
                       "rate-limit: 1\n"
                       "rate_limit_rps: many\n"
                       "status: off\n"
                       "tags: one\n"
                       "features: {a: 1}\n"
                       "max_value_bytes: -1\n"
                       "default_timeout: 5\n"
                       "access: {reads: [a]}\n"),
            (std::vector<std::string>{
                "2 UNKNOWN_KEY there is no \"rate-limit\"; did you mean \"rate_limit_rps\"?",
                "3 BAD_VALUE rate_limit_rps must be a whole number, 0 or more",
                "4 BAD_VALUE status must be one of active, disabled, migrating",
                "5 BAD_VALUE tags must be a list: [A, B]",
                "6 BAD_VALUE it must be true or false",
                MistakesIn("max_value_bytes: -1").front().replace(0, 1, "7"),
                MistakesIn("default_timeout: 5").front().replace(0, 1, "8"),
                "9 UNKNOWN_KEY there is no \"reads\"; did you mean \"read\"?",
            }));
  EXPECT_EQ(MistakesIn("- a\n").front(),
            "1 BAD_VALUE a list stands where a map of settings is expected");
  EXPECT_EQ(MistakesIn("name: [\n").size(), 1u);
  EXPECT_TRUE(MistakesIn("").empty());
}

adminpb::Namespace With(const std::string& path, const std::string& text) {
  adminpb::Namespace ns;
  (*ns.mutable_features())["old"] = true;
  const auto set = SetField(ns, path, text);
  EXPECT_TRUE(set) << set.error().ToString();
  return ns;
}

std::string Refusal(const std::string& path, const std::string& text) {
  adminpb::Namespace ns;
  const auto set = SetField(ns, path, text);
  return set ? "none" : set.error().ToString();
}

TEST(MessageInputTest, SettingsAreNamedByPath) {
  EXPECT_EQ(With("rate-limit-rps", "500").rate_limit_rps(), 500u);
  EXPECT_EQ(With("max_bytes", "2GiB").max_bytes(), 2ull << 30);
  EXPECT_EQ(With("owner", "a: b # c").owner(), "a: b # c");
  EXPECT_EQ(With("tags", "a, b").tags_size(), 2);
  EXPECT_EQ(With("tags", "['a, b']").tags(0), "a, b");
  EXPECT_EQ(With("tags", "").tags_size(), 0);
  EXPECT_EQ(With("access.read", "*").access().read(0), "*");
  EXPECT_EQ(With("features.beta", "on").features().size(), 2u);
  EXPECT_FALSE(With("features.old", "off").features().at("old"));
  EXPECT_EQ(With("features", "{new: true}").features().size(), 1u);
  EXPECT_EQ(With("patterns", "[{type: outbox, slots: {store: {backend: pg}}}]")
                .patterns(0)
                .slots()
                .at("store")
                .backend(),
            "pg");
  EXPECT_EQ(With("default_timeout", "90s").default_timeout().seconds(), 90);

  adminpb::Namespace ns = With("access.read", "a");
  EXPECT_EQ(ClearField(ns, "features.old").value(), "features");
  EXPECT_EQ(ClearField(ns, "access.read").value(), "access");
  EXPECT_EQ(MessageToYaml(ns, kSettingsForm), "access: {}\n");
}

TEST(MessageInputTest, WhatIsNoSettingIsRefused) {
  EXPECT_EQ(Refusal("rate_limit", "1"),
            "INVALID_ARGUMENT/BAD_SETTING: rate_limit: there is no \"rate_limit\"; did you mean "
            "\"rate_limit_rps\"?");
  EXPECT_NE(Refusal("revision", "1").find("only the server sets it"), std::string::npos);
  EXPECT_NE(Refusal("name", "x").find("can't be changed"), std::string::npos);
  EXPECT_NE(Refusal("owner.x", "x").find("has no parts"), std::string::npos);
  EXPECT_NE(Refusal("max_keys", "-1").find("whole number"), std::string::npos);
  EXPECT_NE(Refusal("max_keys", "1e3").find("whole number"), std::string::npos);
  EXPECT_NE(Refusal("features.x", "maybe").find("true or false"), std::string::npos);
  EXPECT_NE(Refusal("patterns", "outbox").find("must be a list"), std::string::npos);
}

TEST(MessageInputTest, ChangedFieldsAreSettings) {
  adminpb::Namespace before = With("owner", "ann");
  adminpb::Namespace after = before;
  after.set_revision(9);
  EXPECT_TRUE(ChangedFields(before, after).empty());
  after.clear_owner();
  after.add_tags("x");
  const std::vector<std::string> changed = ChangedFields(before, after);
  EXPECT_EQ(changed, (std::vector<std::string>{"owner", "tags"}));
  KeepFields(after, changed);
  EXPECT_EQ(MessageToYaml(after), "tags:\n  - x\n");
}

// Whatever can be set can be set here: no kind of field was forgotten.
TEST(MessageInputTest, OutputOnlyFieldsAreThoseThatTheStoreKnows) {
  EXPECT_EQ(SettingNames(adminpb::Backend()),
            (std::vector<std::string>{"name", "type", "connection", "username", "password"}));
  EXPECT_EQ(SettingNames(adminpb::Namespace()).back(), "shadow");
}

}  // namespace
}  // namespace prism::cli

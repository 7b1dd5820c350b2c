#include "cli/record_admin.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/record_verbs.h"

namespace prism::cli {
namespace {

using Names = std::vector<std::string>;

TEST(RecordAdminTest, ArgumentsBecomeARecord) {
  adminpb::Namespace ns;
  SettingArguments arguments;
  arguments.file = "orders.yaml";
  arguments.own = {"backend=memory", "owner=ann"};
  arguments.sets = {"rate_limit_rps=500", "owner=bob"};
  arguments.add_tags = {"production", "a", "a"};
  const auto named = ApplySettings(arguments, "name: x\nrate_limit_rps: 1\ntags: [a]\n", ns);
  ASSERT_TRUE(named) << named.error().ToString();
  EXPECT_EQ(*named, (Names{"rate_limit_rps", "tags", "backend", "owner"}));
  EXPECT_EQ(MessageToYaml(ns),
            "name: x\nbackend: memory\nowner: bob\ntags:\n  - a\n  - production\n"
            "rate_limit_rps: 500\n");
}

TEST(RecordAdminTest, UpdateNamesWhatChangesAndNothingElse) {
  adminpb::Namespace before;
  before.set_name("orders");
  before.set_owner("ann");
  before.add_tags("a");
  before.add_tags("b");
  before.set_max_keys(7);
  before.set_revision(12);
  SettingArguments arguments;
  arguments.unsets = {"owner"};
  arguments.remove_tags = {"a"};
  adminpb::Namespace after = before;
  const auto named = ApplySettings(arguments, "", after);
  ASSERT_TRUE(named);
  ChangeOptions options;
  options.reason = "because";
  const auto request = MakeUpdateRequest<NamespaceKind>(options, after, *named, before.revision());
  EXPECT_EQ(MessageToYaml(request),
            "name: orders\nnamespace:\n  tags:\n    - b\nupdate_mask:\n  - owner\n  - tags\n"
            "revision: 12\nreason: because\n");
}

TEST(RecordAdminTest, MistakesOfAFileAreAllTold) {
  adminpb::Backend backend;
  SettingArguments arguments;
  arguments.file = "b.yaml";
  const auto read = ApplySettings(arguments, "typ: redis\nname: [a]\n", backend);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().reason(), "CONFIG_INVALID");
  EXPECT_EQ(read.error().fields().size(), 2u);
  arguments.file.clear();
  arguments.sets = {"type"};
  EXPECT_EQ(ApplySettings(arguments, "", backend).error().reason(), "BAD_SETTING");
}

TEST(RecordAdminTest, RowsAndSummariesForPeople) {
  adminpb::Namespace ns;
  ns.set_name("orders");
  ns.set_backend("cache");
  ns.set_backend_type("redis");
  ns.set_status(adminpb::ACTIVE);
  ns.set_problem("DRIVER_NOT_INSTALLED: there is none");
  ns.set_owner("ann\x1b[2J");
  ns.set_revision(3);
  EXPECT_EQ(NamespaceKind::Row(ns),
            (Names{"orders", "cache", "redis", "-", "active (DRIVER_NOT_INSTALLED)", "-",
                   "ann\\x1b[2J", "-", "3"}));
  EXPECT_EQ(NamespaceKind::Row(ns).size(), NamespaceKind::Header().size());
  EXPECT_EQ(BackendKind::Row(adminpb::Backend()).size(), BackendKind::Header().size());

  adminpb::Namespace after = ns;
  after.set_rate_limit_rps(500);
  after.clear_owner();
  EXPECT_EQ(ChangeSummary(&ns, &after), "owner: ann\\x1b[2J -> -; rate_limit_rps: - -> 500");
  EXPECT_EQ(ChangeSummary(nullptr, &after), "-");
  EXPECT_EQ(RecordDiff(nullptr, &after, "before", "after").substr(0, 26),
            "--- nothing\n+++ after\n@@ -");
}

}  // namespace
}  // namespace prism::cli

#include "cli/message_output.h"

#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>

#include "prism/admin/v1/namespaces.pb.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"

namespace prism::cli {
namespace {

using google::protobuf::util::TimeUtil;
namespace adminpb = ::prism::admin::v1;

adminpb::Namespace Orders() {
  adminpb::Namespace orders;
  orders.set_name("orders");
  orders.set_backend("redis-1");
  orders.set_status(adminpb::DISABLED);
  orders.add_tags("production");
  orders.add_tags("true");
  orders.mutable_access()->add_read("*");
  (*orders.mutable_features())["new-checkout"] = true;
  (*orders.mutable_features())["beta"] = false;
  orders.set_rate_limit_rps(500);
  *orders.mutable_default_timeout() = TimeUtil::MillisecondsToDuration(90'000);
  orders.set_max_value_bytes(4 << 20);
  orders.set_id(7);
  orders.set_revision(12);
  *orders.mutable_update_time() = TimeUtil::SecondsToTimestamp(1'700'000'000);
  adminpb::Pattern& pattern = *orders.add_patterns();
  pattern.set_type("claim-check");
  (*pattern.mutable_slots())["objects"].set_backend("files");
  (*pattern.mutable_config())["threshold"] = "256KiB";
  return orders;
}

TEST(MessageOutputTest, YamlHasTheSpellingOfThePrismYaml) {
  EXPECT_EQ(MessageToYaml(Orders(), kSettingsForm),
            "name: orders\n"
            "backend: redis-1\n"
            "patterns:\n"
            "  - type: claim-check\n"
            "    slots:\n"
            "      objects:\n"
            "        backend: files\n"
            "    config:\n"
            "      threshold: 256KiB\n"
            "status: disabled\n"
            "access:\n"
            "  read:\n"
            "    - \"*\"\n"
            "tags:\n"
            "  - production\n"
            "  - \"true\"\n"
            "features:\n"
            "  beta: false\n"
            "  new-checkout: true\n"
            "rate_limit_rps: 500\n"
            "default_timeout: 1m30s\n"
            "max_value_bytes: 4MiB\n");
  EXPECT_NE(MessageToYaml(Orders()).find("\nid: 7\nrevision: 12\nupdate_time: "
                                         "2023-11-14T22:13:20Z\n"),
            std::string::npos);
}

TEST(MessageOutputTest, JsonAlwaysHasItsKeys) {
  const nlohmann::ordered_json json = MessageToJson(Orders());
  EXPECT_EQ(json["status"], "disabled");
  EXPECT_EQ(json["consistency"], "");
  EXPECT_EQ(json["max_value_bytes"], 4 << 20);
  EXPECT_EQ(json["max_keys"], 0);
  EXPECT_EQ(json["interfaces"], nlohmann::ordered_json::array());
  EXPECT_EQ(json["update_time"], "2023-11-14T22:13:20Z");
  EXPECT_FALSE(json.contains("create_time"));
}

TEST(MessageOutputTest, BytesAreBase64) {
  keyvalue::v1::Entry entry;
  entry.set_key("k");
  entry.set_value(std::string("\0\xff", 2));
  EXPECT_EQ(MessageToYaml(entry), "key: k\nvalue: AP8=\n");
}

TEST(MessageOutputTest, TextsThatYamlWouldReadOtherwiseAreQuoted) {
  const auto yaml = [](const std::string& text) {
    return JsonToYaml(nlohmann::ordered_json({{"k", text}}));
  };
  for (const char* plain : {"a", "redis://h:6379/0", "256KiB", "team money", "a-b", "10s", "1m30s"})
    EXPECT_EQ(yaml(plain), std::string("k: ") + plain + "\n");
  for (const char* quoted :
       {"", "12", "1.5", "0x1f", "2026-11-21", "12:30", "yes", "NULL", "~", "- a", "a: b", "a #b",
        " a", "a:", "*", "${env:X}x: y", "1e5", "+1", ".inf"})
    EXPECT_EQ(yaml(quoted), std::string("k: \"") + quoted + "\"\n");
  EXPECT_EQ(yaml("Z\u00fcrich"), "k: Z\u00fcrich\n");
  EXPECT_EQ(yaml("a\u202eb"), "k: \"a\\u202eb\"\n");
  EXPECT_EQ(yaml("a\nb\x1b[1m"), "k: \"a\\nb\\u001b[1m\"\n");
}

TEST(MessageOutputTest, EmptyPartsAreWrittenInTheLine) {
  EXPECT_EQ(JsonToYaml({{"a", nlohmann::ordered_json::array()}}), "a: []\n");
  EXPECT_EQ(MessageToYaml(adminpb::Namespace()), "{}\n");
}

}  // namespace
}  // namespace prism::cli

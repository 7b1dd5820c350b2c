#include "namespaces/config_json.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace prism::namespaces {
namespace {

NamespaceConfig Orders() {
  NamespaceConfig config;
  config.name = "orders";
  config.backend = "store";
  config.pattern = "keyvalue";
  config.status = NamespaceStatus::kMigrating;
  config.consistency = Consistency::kCausal;
  config.owner = "team-a";
  config.access = {.read = {"*"}, .write = {"checkout", "unix:ann"}, .admin = {}};
  config.tags = {"production", "high \"traffic\""};
  config.needs.durability = contract::Durability::kFsynced;
  config.needs.write_rps = 0;
  config.needs.data_size = std::uint64_t{5} << 30;
  config.needs.retention = std::chrono::hours(48);
  config.needs.enable_cache = false;
  config.shadow = {.backend = "other",
                   .sample_percent = 10,
                   .reads = true,
                   .writes = false,
                   .keep_differences = 5};
  config.cache_ttl_seconds = 60;
  config.features = {{"beta", true}, {"old-path", false}};
  config.rate_limit_rps = 500;
  config.max_in_flight = 7;
  config.default_timeout = std::chrono::milliseconds(1500);
  config.settings = {.name = "orders",
                     .max_value_bytes = 1024,
                     .max_bytes = std::uint64_t{1} << 40,
                     .max_keys = 12,
                     .dedup_window_ms = 60'000,
                     .dedup_max_entries = 9};
  return config;
}

TEST(ConfigJson, HasTheKeysOfPrismYaml) {
  EXPECT_EQ(ToJsonText(Orders()),
            R"({"access":{"admin":[],"read":["*"],"write":["checkout","unix:ann"]},)"
            R"("backend":"store","cache_ttl_seconds":60,"consistency":"causal",)"
            R"("dedup_max_entries":9,"dedup_window":"1m","default_timeout":"1s500ms",)"
            R"("features":{"beta":true,"old-path":false},"max_bytes":"1TiB",)"
            R"("max_in_flight":7,"max_keys":12,"max_value_bytes":"1KiB","name":"orders",)"
            R"("needs":{"data_size":"5GiB","durability":"fsynced","enable_cache":false,)"
            R"("retention":"2d","write_rps":0},)"
            R"("owner":"team-a","pattern":"keyvalue","patterns":[],"rate_limit_rps":500,)"
            R"("shadow":{"backend":"other","keep_differences":5,"reads":true,"sample_percent":10,)"
            R"("writes":false},"status":"migrating",)"
            R"("tags":["production","high \"traffic\""]})");
  EXPECT_EQ(ToJsonText(BackendConfig{.name = "db",
                                     .type = "postgres",
                                     .connection = "postgresql://db/x",
                                     .username = "",
                                     .password = "${env:PG}"}),
            R"({"connection":"postgresql://db/x","name":"db","password":"${env:PG}",)"
            R"("type":"postgres","username":""})");
}

TEST(ConfigJson, ComesBack) {
  EXPECT_EQ(*NamespaceFromJson(ToJsonText(Orders())), Orders());
  NamespaceConfig plain;
  plain.name = plain.settings.name = "plain";
  EXPECT_EQ(*NamespaceFromJson(ToJsonText(plain)), plain);
  const BackendConfig backend{
      .name = "a", .type = "memory", .connection = "", .username = "u", .password = "${file:/p}"};
  EXPECT_EQ(*BackendFromJson(ToJsonText(backend)), backend);
}

TEST(ConfigJson, PatternsComeBack) {
  NamespaceConfig config;
  config.name = config.settings.name = "orders";
  config.patterns = {{.type = "outbox",
                      .slots = {{"store", "db", "keyvalue_basic"}, {"queue", "nats", ""}},
                      .config = {{"threshold", "1KiB"}}},
                     {.type = "cache", .slots = {}, .config = {}}};
  EXPECT_EQ(*NamespaceFromJson(ToJsonText(config)), config);
  EXPECT_FALSE(NamespaceFromJson(R"({"patterns":[{"type":1}]})"));
  EXPECT_FALSE(NamespaceFromJson(R"({"patterns":[{"slots":[{"slot":"a","port":1}]}]})"));
  EXPECT_FALSE(NamespaceFromJson(R"({"patterns":[7]})"));
}

TEST(ConfigJson, WhatIsNotOursIsNotBelieved) {
  for (const char* text : {"",
                           "[]",
                           "{",
                           R"({"name":1})",
                           R"({"unknown":1})",
                           R"({"consistency":"weak"})",
                           R"({"default_timeout":"soon"})",
                           R"({"default_timeout":5})",
                           R"({"status":"gone"})",
                           R"({"features":[]})",
                           R"({"features":{"a":1}})",
                           R"({"max_bytes":1})",
                           R"({"tags":"a"})",
                           R"({"tags":[1]})",
                           R"({"needs":[]})",
                           R"({"needs":{"write_rps":"5"}})",
                           R"({"needs":{"unknown":1}})",
                           R"({"needs":{"durability":"firm"}})",
                           R"({"needs":{"ordered":1}})",
                           R"({"needs":{"data_size":5}})",
                           R"({"shadow":[]})",
                           R"({"shadow":{"reads":1}})",
                           R"({"shadow":{"lights":true}})",
                           R"({"rate_limit_rps":-1})",
                           R"({"rate_limit_rps":1.5})"}) {
    const auto read = NamespaceFromJson(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().reason(), "CONFIG_RECORD_MALFORMED") << text;
  }
  EXPECT_FALSE(BackendFromJson(R"({"nombre":"a"})"));
}

}  // namespace
}  // namespace prism::namespaces

#include "app/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <set>

#include "app/effective_config.h"
#include "namespaces/yaml_source.h"

namespace prism::app {
namespace {

using ::testing::HasSubstr;

Result<namespaces::ServerConfig> FromFlags(std::map<std::string, std::string, std::less<>> flags) {
  return ReadSettings(
      [&flags](const Setting& setting) -> std::optional<std::string> {
        const auto it = flags.find(setting.name);
        if (it == flags.end()) return std::nullopt;
        return it->second;
      },
      [](const Setting& setting) { return "--" + std::string(setting.name); });
}

std::shared_ptr<const namespaces::Snapshot> Config(std::string_view text) {
  auto parsed = namespaces::ParseConfig(text, "f");
  EXPECT_TRUE(parsed) << parsed.error().ToString();
  return *parsed;
}

TEST(SettingsTest, NamesEnvironmentVariablesAfterFlags) {
  std::set<std::string> names;
  for (const Setting& setting : Settings()) names.insert(EnvironmentName(setting));
  EXPECT_TRUE(names.contains("PRISM_LISTEN"));
  EXPECT_TRUE(names.contains("PRISM_DRAIN_TIMEOUT"));
  EXPECT_TRUE(names.contains("PRISM_SERVE_TLS_KEY"));
  EXPECT_EQ(names.size(), Settings().size());
}

TEST(SettingsTest, FlagsGoBeforeTheEnvironmentBeforeTheFile) {
  const auto snapshot = Config(
      "server: {listen: \"127.0.0.1:1\", admin_listen: \"127.0.0.1:2\", "
      "shards: 3, drain_timeout: 1s}\n");
  ASSERT_EQ(setenv("PRISM_LISTEN", "127.0.0.1:10", 1), 0);
  ASSERT_EQ(setenv("PRISM_SHARDS", "4", 1), 0);
  const auto environment = ReadEnvironment();
  unsetenv("PRISM_LISTEN");
  unsetenv("PRISM_SHARDS");
  const auto flags = FromFlags({{"listen", "127.0.0.1:100"}});
  ASSERT_TRUE(environment && flags);
  const ServerSettings settings =
      Decide(Overlay(*flags, Overlay(*environment, snapshot->server)), *snapshot);
  EXPECT_EQ(settings.listen, "127.0.0.1:100");
  EXPECT_EQ(settings.shards, 4);
  EXPECT_EQ(settings.admin_listen, "127.0.0.1:2");
  EXPECT_EQ(settings.drain_timeout, std::chrono::seconds(1));
  EXPECT_EQ(settings.rebind_grace, std::chrono::seconds(30));  // default
}

TEST(SettingsTest, ReportsEveryBadOptionWithItsPlace) {
  const auto bad = FromFlags({{"shards", "0"}, {"log-level", "loud"}, {"drain-timeout", "10"}});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().reason(), "BAD_OPTION");
  EXPECT_THAT(bad.error().message(), HasSubstr("--shards: "));
  EXPECT_THAT(bad.error().message(), HasSubstr("--log-level: must be one of"));
  EXPECT_THAT(bad.error().message(), HasSubstr("--drain-timeout: "));
}

TEST(SettingsTest, TheMessageLimitFollowsTheLargestValue) {
  const auto snapshot =
      Config("namespaces:\n  - {name: a, backend: memory, max_value_bytes: 32MiB}\n");
  EXPECT_EQ(Decide({}, *snapshot).limits.max_message_bytes, (32u << 20) + 64 * 1024);
  namespaces::ServerConfig config;
  config.max_message_bytes = 1u << 20;
  EXPECT_EQ(Decide(config, *snapshot).limits.max_message_bytes, 1u << 20);
  EXPECT_EQ(Decide({}, *Config("")).limits.max_message_bytes, (4u << 20) + 64 * 1024);
}

TEST(SettingsTest, RefusesToBeReachableUnprotected) {
  ServerSettings settings;
  settings.admin_listen = "127.0.0.1:0";
  for (const char* address : {"127.0.0.1:80", "[::1]:80", "localhost:80", "unix:/run/x"}) {
    settings.listen = address;
    EXPECT_TRUE(CheckExposure(settings)) << address;
  }
  for (const char* address : {"0.0.0.0:80", "[::]:80", "10.0.0.1:80", "host:80", ":80"}) {
    settings.listen = address;
    const Status status = CheckExposure(settings);
    ASSERT_FALSE(status) << address;
    EXPECT_EQ(status.error().reason(), "INSECURE_LISTENER");
  }
  settings.authentication = true;
  EXPECT_TRUE(CheckExposure(settings));
  settings.authentication = false;
  settings.insecure = true;
  EXPECT_TRUE(CheckExposure(settings));
  settings.insecure = false;
  settings.listen = "127.0.0.1:0";
  settings.admin_listen = "0.0.0.0:0";
  EXPECT_FALSE(CheckExposure(settings));
}

TEST(SettingsTest, AnAdminPortForOtherMachinesNeedsAuthenticationAndTls) {
  ServerSettings settings;
  settings.listen = "127.0.0.1:0";
  settings.admin_listen = "0.0.0.0:0";
  settings.authentication = true;
  EXPECT_FALSE(CheckExposure(settings));
  settings.tls.emplace();
  EXPECT_TRUE(CheckExposure(settings));
  settings.authentication = false;
  settings.tls->client_ca = "/a/file";  // says who connects, not who may administer
  EXPECT_FALSE(CheckExposure(settings));
  settings.insecure = true;
  EXPECT_TRUE(CheckExposure(settings));
}

TEST(SettingsTest, ASourceIsEnoughForBranches) {
  const auto snapshot = Config("server: {data_dir: /d}\n");
  EXPECT_FALSE(Decide(snapshot->server, *snapshot).branching);
  const auto flags = FromFlags({{"branch-source", "/srv/master"}});
  ASSERT_TRUE(flags);
  const auto settings = Decide(Overlay(*flags, snapshot->server), *snapshot);
  ASSERT_TRUE(settings.branching);
  EXPECT_EQ(settings.branching->listen, "127.0.0.1:5432");
  EXPECT_EQ(settings.branching->source.path, "/srv/master");
  EXPECT_EQ(settings.branching->storage_path, "/d/branches/store");
  EXPECT_EQ(settings.branching->control_listen, "127.0.0.1:8080");
  EXPECT_EQ(settings.branching->auto_create,
            (std::vector<namespaces::AutoCreateRule>{{.users = {}, .names = {"*"}}}));
  EXPECT_TRUE(CheckBranching(flags->branching, settings));
}

TEST(SettingsTest, FlagsOfBranchesGoBeforeTheirSection) {
  const auto snapshot =
      Config("branching: {source: /a, listen: \"127.0.0.1:1\", idle_timeout: 1m}\n");
  const auto flags = FromFlags({{"branch-listen", "127.0.0.1:2"}});
  ASSERT_TRUE(flags);
  const auto branching = Decide(Overlay(*flags, snapshot->server), *snapshot).branching;
  ASSERT_TRUE(branching);
  EXPECT_EQ(branching->source.path, "/a");
  EXPECT_EQ(branching->listen, "127.0.0.1:2");
  EXPECT_EQ(branching->idle_timeout, std::chrono::minutes(1));
  EXPECT_FALSE(FromFlags({{"branch-source", ""}}));
}

Status Branching(const std::string& section, std::optional<rpc::TlsOptions> tls = {},
                 bool insecure = false) {
  const auto snapshot = Config("branching: " + section);
  ServerSettings settings;
  settings.tls = std::move(tls);
  settings.insecure = insecure;
  const auto& config = snapshot->server.branching;
  settings.branching = DecideBranching(config, "/d", settings.tls.has_value());
  return CheckBranching(config, settings);
}

TEST(SettingsTest, TellsAllThatDoesNotFitTogetherForBranches) {
  const Status status = Branching("{source: /a, tls: true, default: prism}");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().reason(), "BRANCHING_OPTIONS");
  EXPECT_THAT(status.error().message(), HasSubstr("branching.tls needs a certificate"));
  EXPECT_THAT(status.error().message(), HasSubstr("branching.default"));
  EXPECT_THAT(Branching("{source: /a, tls_required: true}").error().message(),
              HasSubstr("tls_required needs"));
  EXPECT_THAT(Branching("{idle_timeout: 1m}").error().message(), HasSubstr("has no source"));
  EXPECT_THAT(Branching("{source: /a, image: postgres}").error().message(),
              HasSubstr("need branching.runtime: docker"));
  EXPECT_THAT(Branching("{source: /a, runtime: docker, pg_bin_dirs: [/b]}").error().message(),
              HasSubstr("pg_bin_dirs is of the runtime"));
  EXPECT_THAT(Branching("{source: /a, trusted_proxies: [nowhere]}").error().message(),
              HasSubstr("\"nowhere\" is no network"));
}

TEST(SettingsTest, BranchesForOtherMachinesNeedTls) {
  const std::string open = "{source: /a, listen: \"0.0.0.0:5432\"";
  for (const Status& refused :
       {Branching(open + "}"), Branching(open + "}", rpc::TlsOptions()),
        Branching("{source: /a, control_listen: \"0.0.0.0:8080\"}", rpc::TlsOptions())}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason(), "INSECURE_LISTENER");
  }
  EXPECT_TRUE(Branching(open + ", tls_required: true}", rpc::TlsOptions()));
  EXPECT_TRUE(Branching(open + "}", {}, true));
  EXPECT_FALSE(Branching("{source: /a, listen: nowhere}"));
}

TEST(EffectiveConfigTest, WritesBranchesAsTheirSectionSaysThem) {
  for (const std::string more : {"", ", pg_bin_dirs: [/b]", ", runtime: docker, image: pg:15",
                                 ", trusted_proxies: [10.0.0.0/8]", ", auto_create: []",
                                 ", auto_create: [dev, {users: [ci], names: [a, b]}]"}) {
    const auto one = Config("branching: {source: /a" + more + "}\n");
    const auto json = nlohmann::json::parse(EffectiveConfig(Decide(one->server, *one), *one));
    const auto again = Config("branching: " + json["branching"].dump());
    EXPECT_EQ(Decide(again->server, *again).branching, Decide(one->server, *one).branching) << more;
  }
  const auto snapshot = Config("branching: {source: /a, user: pg, auto_create: [\"pr-*\"]}\n");
  const std::string text = EffectiveConfig(Decide(snapshot->server, *snapshot), *snapshot);
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["branching"]["storage"]["size"], "20GiB");
  EXPECT_EQ(json["branching"]["idle_timeout"], "15m");
  EXPECT_EQ(json["branching"]["undo_period"], "1d");
  // It can be pasted back.
  const auto again = Config("branching: " + json["branching"].dump());
  EXPECT_EQ(Decide(again->server, *again).branching, Decide(snapshot->server, *snapshot).branching);
}

TEST(SettingsTest, AllowsTheOriginsOfAFlagInPlaceOfThoseOfTheFile) {
  const auto snapshot = Config(
      "server: {cors: {allowed_origins: [\"https://*.example.com\"], allow_credentials: true, "
      "max_age: 10m}}\n");
  const rpc::CorsSettings file = Decide(snapshot->server, *snapshot).cors;
  ASSERT_EQ(file.allowed_origins.size(), 1u);
  EXPECT_EQ(file.allowed_origins[0].text(), "https://*.example.com");
  EXPECT_TRUE(file.allow_credentials);
  EXPECT_EQ(file.max_age, std::chrono::minutes(10));
  const auto flags = FromFlags({{"cors-allowed-origins", "http://a:1,http://b:2"}});
  ASSERT_TRUE(flags);
  const rpc::CorsSettings both = Decide(Overlay(*flags, snapshot->server), *snapshot).cors;
  EXPECT_EQ(both.allowed_origins.size(), 2u);
  EXPECT_TRUE(both.allow_credentials);
  EXPECT_TRUE(Decide({}, *Config("")).cors.allowed_origins.empty());
  EXPECT_FALSE(FromFlags({{"cors-allowed-origins", "app.example.com"}}));
}

TEST(EffectiveConfigTest, WritesDefaultsOutAndSecretsAsReferences) {
  const auto snapshot = Config(
      "backends:\n  q: {type: postgres, connection: \"pg://u:${env:PW}@h\", password: "
      "\"${file:/run/pg}\"}\n"
      "namespaces:\n  - {name: a, backend: q, pattern: keyvalue, tags: [x]}\n");
  const auto json = nlohmann::json::parse(EffectiveConfig(Decide({}, *snapshot), *snapshot));
  EXPECT_EQ(json["server"]["listen"], "127.0.0.1:8980");
  EXPECT_EQ(json["server"]["limits"]["max_message_bytes"], "4160KiB");
  EXPECT_EQ(json["backends"]["q"]["connection"], "pg://u:${env:PW}@h");
  EXPECT_EQ(json["backends"]["q"]["password"], "${file:/run/pg}");
  EXPECT_EQ(json["namespaces"][0]["name"], "a");
  EXPECT_EQ(json["namespaces"][0]["default_timeout"], "30s");
  EXPECT_EQ(json["namespaces"][0]["max_value_bytes"], "4MiB");
  EXPECT_GT(json["memory"]["max_bytes"].get<std::string>().size(), 1u);
}

}  // namespace
}  // namespace prism::app

#include "namespaces/branching_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "namespaces/yaml_source.h"

namespace prism::namespaces {
namespace {

using ::testing::HasSubstr;

BranchingConfig Read(const std::string& section) {
  const auto snapshot = ParseConfig("branching: " + section, "f");
  EXPECT_TRUE(snapshot) << snapshot.error().ToString();
  return snapshot ? (*snapshot)->server.branching : BranchingConfig();
}

std::string Message(const std::string& section) {
  const auto snapshot = ParseConfig("branching: " + section, "f");
  return snapshot ? "fine" : snapshot.error().ToString();
}

TEST(BranchingReaderTest, ReadsEveryKey) {
  const BranchingConfig config = Read(R"({listen: "127.0.0.1:5433", source: /srv/master,
    superuser: ann, storage: {path: /srv/branches, size: 1GiB}, runtime: docker, image: "example.com:5000/pg:15",
    network: "none", docker-socket: /run/docker.sock, user: pg,
    pg_bin-dirs: [/opt/pg/bin], idle_timeout: 1m, hold_timeout: 5s, undo_period: 2h, default: dev, allow_source: true,
    domain: db.example.com, trusted_proxies: [10.0.0.0/8], max_connections: 10, max_branches: 20, max_branches_per_owner: 4,
    max_disk_per_owner: 10GiB, max_memory_per_owner: 2GiB, max_connections_per_owner: 5,
    memory_limit: 512MiB, warm_pool: 0, refresh_interval: 5m, keep_generations: 9,
    auto_create: ["pr-*", {users: [ci, "ann*"], names: ["ci-*", dev]}],
    profile: durable, control_listen: "", tls: true, tls_required: false})");
  BranchingConfig expected;
  expected.listen = "127.0.0.1:5433";
  expected.source = {.path = "/srv/master"};
  expected.superuser = "ann";
  expected.storage_path = "/srv/branches";
  expected.storage_size = 1u << 30;
  expected.runtime = "docker";
  expected.image = "example.com:5000/pg:15";
  expected.network = "none";
  expected.docker_socket = "/run/docker.sock";
  expected.user = "pg";
  expected.pg_bin_dirs = {"/opt/pg/bin"};
  expected.idle_timeout = std::chrono::minutes(1);
  expected.hold_timeout = std::chrono::seconds(5);
  expected.undo_period = std::chrono::hours(2);
  expected.default_branch = "dev";
  expected.allow_source = true;
  expected.domain = "db.example.com";
  expected.trusted_proxies = {"10.0.0.0/8"};
  expected.max_connections = 10;
  expected.max_branches = 20;
  expected.max_branches_per_owner = 4;
  expected.max_disk_per_owner = std::uint64_t{10} << 30;
  expected.max_memory_per_owner = std::uint64_t{2} << 30;
  expected.max_connections_per_owner = 5;
  expected.memory_limit = 512u << 20;
  expected.warm_pool = 0;
  expected.refresh_interval = std::chrono::minutes(5);
  expected.keep_generations = 9;
  expected.auto_create = {{.users = {}, .names = {"pr-*"}},
                          {.users = {"ci", "ann*"}, .names = {"ci-*", "dev"}}};
  expected.profile = "durable";
  expected.control_listen = "";
  expected.tls = true;
  expected.tls_required = false;
  EXPECT_EQ(config, expected);
}

TEST(BranchingReaderTest, ASourceIsOfOneKind) {
  EXPECT_EQ(Read("{source: {template: /srv/master}}").source,
            BranchSourceConfig{.path = "/srv/master"});
  EXPECT_EQ(Read("{source: {dump: /srv/x.dump, roles: /srv/r.sql,\n"
                 "password: \"${file:/srv/p}\"}}")
                .source,
            (BranchSourceConfig{.kind = BranchSourceConfig::Kind::kDump,
                                .path = "/srv/x.dump",
                                .roles = "/srv/r.sql",
                                .password = "${file:/srv/p}"}));
  for (const char* section :
       {"{source: {}}", "{source: {dump: /a, template: /b}}", "{source: {roles: /a}}"}) {
    EXPECT_THAT(Message(section), HasSubstr("is one of template")) << section;
  }
  EXPECT_THAT(Message("{source: {template: /a, roles: /b}}"), HasSubstr("are of a dump"));
  EXPECT_EQ(Read("{source: {managed: /srv/data}}").source,
            (BranchSourceConfig{.kind = BranchSourceConfig::Kind::kManaged, .path = "/srv/data"}));
  EXPECT_THAT(Message("{source: {managed: /a, roles: /b}}"), HasSubstr("are of a dump"));
  EXPECT_THAT(Message("{source: {dump: /a, password: hunter2}}"), HasSubstr("LITERAL_SECRET"));
  EXPECT_THAT(Message("{source: {dump: /a, password: [x]}}"), HasSubstr("LITERAL_SECRET"));
  EXPECT_THAT(Message("{source: {dump: \"\"}}"), HasSubstr("dump is empty"));
  EXPECT_THAT(Message("{source: {dmup: /a}}"), HasSubstr("\"dump\"?"));
}

TEST(BranchingReaderTest, AnEmptyListOfPatternsIsNotTheDefault) {
  EXPECT_EQ(Read("{auto_create: []}").auto_create, std::vector<AutoCreateRule>());
  EXPECT_EQ(Read("{source: /a}").auto_create, std::nullopt);
}

TEST(BranchingReaderTest, ARuleOfUsersHasBoth) {
  for (const char* entry :
       {"{}", "{users: [ci]}", "{names: [a]}", "{users: [], names: [a]}",
        "{users: [ci], names: []}", "{users: ci, names: [a]}", "{users: [\"\"], names: [a]}"}) {
    EXPECT_THAT(Message("{auto_create: [" + std::string(entry) + "]}"), HasSubstr("has users, and"))
        << entry;
  }
  EXPECT_THAT(Message("{auto_create: [{user: [ci], names: [a]}]}"), HasSubstr("\"users\"?"));
  for (const char* list : {"dev", "[[dev]]", "[null]", "{users: [ci], names: [a]}"}) {
    EXPECT_THAT(Message("{auto_create: " + std::string(list) + "}"), HasSubstr("must be a list"))
        << list;
  }
}

TEST(BranchingReaderTest, TellsAllMistakesAtOnce) {
  const std::string message = Message(
      "{source: \"\", idle_timeout: 0s, undo_period: 366d, max_branches: 0, profile: fast, domain: "
      ".a,\n"
      "runtime: podman, image: \"-x\", network: \"a/b\",\n"
      "storage: {size: 1MiB, paht: /x}, memory_limit: 1MiB, auto_create: [\"\"], idle_tiemout: "
      "1s}");
  for (const char* part :
       {"source is empty", "idle_timeout must be from", "undo_period must be from",
        "max_branches must", "one of disposable, durable", "one of process, docker",
        "image must be the name", "network must be the name", "domain must be", "size must be from",
        "memory_limit must be from", "\"path\"?", "auto_create must", "\"idle_timeout\"?"}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
}

TEST(BranchingReaderTest, SaysWhyAKeyThatPeopleLookForDoesNotExist) {
  const std::string message = Message("{docker: {}}");
  for (const char* part : {"no setting \"docker\": see runtime"}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
}

}  // namespace
}  // namespace prism::namespaces

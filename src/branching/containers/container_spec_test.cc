#include "branching/containers/container_spec.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>
#include <string>

#include "branching/instances/testing/cluster.h"

namespace prism::branching {
namespace {

using nlohmann::json;

constexpr InstanceUser kUser{.uid = 12, .gid = 34};

ContainerGround Ground() {
  return {.image = {.name = "postgres:15", .id = "sha256:7", .volumes = {"/var/lib/data"}},
          .network = "none",
          .home = "/srv/run"};
}

TEST(ContainerSpecTest, NamesAreReadableAndDiffer) {
  EXPECT_EQ(ContainerName("/srv/run/b-01"), "prism.srv.run.b-01");
  EXPECT_EQ(ContainerName("/a b/c.d_e"), "prism.a_20b.c_2ed_5fe");
  std::set<std::string> names;
  for (const char* path : {"/a/b", "/a.b", "/a_b", "/a_2eb", "/a-b", "/a//b"}) {
    EXPECT_TRUE(names.insert(ContainerName(path)).second) << path;
  }
}

TEST(ContainerSpecTest, AServerHasItsOwnAndNothingElse) {
  testing::Copies copies;
  InstanceSpec spec{
      .volume = copies.path(),
      .data_directory = copies.path(),
      .run_directory = "/srv/run/b-01",
      .binaries = {.major = 15, .version = "15", .bin_directory = "/opt/bin", .notifies = true},
      .settings = {}};
  const auto made =
      json::parse(ServerContainer(Ground(), spec, RunDirectory(spec.run_directory), kUser));
  EXPECT_EQ(made["Image"], "sha256:7");
  EXPECT_EQ(made["User"], "12:34");
  EXPECT_EQ(made["Labels"], (json{{"prism.home", "/srv/run"}, {"prism.volume", spec.volume}}));
  EXPECT_EQ(made["Env"], json::array({"NOTIFY_SOCKET=/srv/run/b-01/socket/notify"}));
  const json& command = made["Cmd"];
  EXPECT_EQ(command[0], "/srv/run/b-01/lock");
  EXPECT_EQ(command[1], "/srv/run/b-01/log");
  EXPECT_EQ(command[2], "/opt/bin/postgres");
  EXPECT_NE(std::ranges::find(command, "listen_addresses="), command.end());

  const json& host = made["HostConfig"];
  EXPECT_EQ(host["NetworkMode"], "none");
  EXPECT_EQ(made["NetworkDisabled"], true);
  EXPECT_EQ(host["CapDrop"], json::array({"ALL"}));
  EXPECT_EQ(host["ReadonlyRootfs"], true);
  EXPECT_EQ(host["AutoRemove"], true);
  EXPECT_TRUE(host["Tmpfs"].contains("/var/lib/data"));
  std::set<std::string> writable;
  for (const json& mount : host["Mounts"]) {
    EXPECT_EQ(mount["Source"], mount["Target"]);
    if (!mount["ReadOnly"]) writable.insert(mount["Source"]);
  }
  EXPECT_EQ(writable,
            (std::set<std::string>{spec.volume, "/srv/run/b-01/socket", "/srv/run/b-01/log"}));
}

TEST(ContainerSpecTest, AToolOnlyReads) {
  const auto made = json::parse(
      ToolContainer(Ground(), {.command = {"pg_controldata"}, .directory = "/d", .user = kUser}));
  EXPECT_EQ(made["Entrypoint"], json::array({"pg_controldata"}));
  EXPECT_EQ(made["HostConfig"]["Mounts"].size(), 1U);
  EXPECT_EQ(made["HostConfig"]["Mounts"][0]["ReadOnly"], true);
  EXPECT_FALSE(made["HostConfig"].contains("AutoRemove"));  // what it said is read afterwards
}

}  // namespace
}  // namespace prism::branching

// Version 1 is tried with the kernel that runs the test (process_runtime_test.cc, too); version 2
// in a tree of plain files.
#include "branching/instances/cgroup_home.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/testing/temp_directory.h"
#include "branching/instances/testing/cluster.h"

namespace prism::branching {
namespace {

using base::testing::TempDirectory;
using testing::AppendText;
using testing::ReadText;

constexpr std::string_view kMounts =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "36 31 0:33 /docker/7 /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

TEST(CgroupControllersTest, HaveHierarchiesOfTheirOwn) {
  const auto found = FindCgroupControllers({"memory", "pids", "cpuacct"}, kMounts,
                                           "9:name=systemd:/x\n8:pids:/docker/7/a\n4:memory:/b:c\n"
                                           "2:cpu,cpuacct:/\n0::/u\n");
  EXPECT_EQ(found,
            (std::vector<CgroupController>{
                {.name = "memory", .version = 1, .directory = "/sys/fs/cgroup/memory/b:c"},
                {.name = "pids", .version = 1, .directory = "/sys/fs/cgroup/pids/a"},
                {.name = "cpuacct", .version = 1, .directory = "/sys/fs/cgroup/cpu,cpuacct"}}));
}

TEST(CgroupControllersTest, OrShareOne) {
  const auto found = FindCgroupControllers(
      {"memory", "pids"}, "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n",
      "0::/system.slice/prism.service\n");
  const std::string directory = "/sys/fs/cgroup/system.slice/prism.service";
  EXPECT_EQ(found, (std::vector<CgroupController>{
                       {.name = "memory", .version = 2, .directory = directory},
                       {.name = "pids", .version = 2, .directory = directory}}));
}

TEST(CgroupControllersTest, OrAreNotShown) {
  EXPECT_TRUE(FindCgroupControllers({"memory"}, "", "").empty());
  EXPECT_TRUE(FindCgroupControllers({"memory"}, "x\n1 2 3 - cgroup\n", "4:memory\n::\n").empty());
  EXPECT_TRUE(FindCgroupControllers({"memory"}, kMounts, "4:memory:/../elsewhere\n").empty());
  EXPECT_TRUE(FindCgroupControllers({"pids"}, kMounts, "8:pids:/elsewhere\n").empty());
}

// A tree as the kernel would have it, with the cgroup of this process in it.
class SharedTree : public ::testing::Test {
 protected:
  SharedTree() {
    AppendText(directory_.File("mountinfo"),
               fmt::format("30 23 0:26 / {}/fs rw - cgroup2 cgroup2 rw\n", directory_.path()));
    AppendText(directory_.File("cgroup"), "0::/unit\n");
    MakeFiles("/unit", {"cgroup.procs", "cgroup.subtree_control"});
    MakeOurs("/unit/prism");
    std::filesystem::create_directory(directory_.File("run"));
  }
  void MakeFiles(const std::string& path, const std::vector<std::string>& names) {
    std::filesystem::create_directories(directory_.File("fs") + path);
    for (const std::string& name : names) AppendText(Path(path + "/" + name), "");
  }
  // What this process may limit in, as if the kernel had made the cgroups that it tries.
  void MakeOurs(const std::string& path) {
    MakeFiles(path, {"cgroup.procs", "cgroup.subtree_control"});
    MakeFiles(path + "/gateway", {"cgroup.procs"});
  }
  std::string Path(const std::string& path) const { return directory_.File("fs") + path; }
  CgroupHome Open() { return CgroupHome::Open({.memory_bytes = 1 << 20}, directory_.path()); }

  const std::vector<std::string> limits_ = {"memory.max", "memory.swap.max", "pids.max"};
  const std::string probe_ = fmt::format("/unit/prism/probe-{}", ::getpid());
  TempDirectory directory_;
};

TEST_F(SharedTree, HasBothLimitsInOneDirectory) {
  MakeFiles(probe_, limits_);
  const CgroupHome home = Open();
  ASSERT_TRUE(home.missing().empty()) << home.missing()[0];
  EXPECT_EQ(ReadText(Path("/unit/prism/gateway/cgroup.procs")), "0");
  EXPECT_EQ(ReadText(Path("/unit/cgroup.subtree_control")), "+memory");
  EXPECT_EQ(ReadText(Path("/unit/prism/cgroup.subtree_control")), "+memory");
  const Cgroup cgroup = home.Of(directory_.File("run"));
  ASSERT_EQ(cgroup.directories().size(), 1U);
  const std::string& made = cgroup.directories()[0];
  EXPECT_TRUE(made.starts_with(Path("/unit/prism/run-"))) << made;
  // The kernel makes the files with the directory.
  EXPECT_EQ(home.Make(cgroup).error().reason(), "CGROUP_FILES");
  MakeFiles(made.substr(Path("").size()), {"memory.max", "pids.max"});
  const Status done = home.Make(cgroup);
  ASSERT_TRUE(done) << done.error().ToString();
  EXPECT_EQ(ReadText(made + "/memory.max"), "1048576");
  EXPECT_EQ(ReadText(made + "/pids.max"), "1024");
}

TEST_F(SharedTree, GivesTheWayToWhatIsBelow) {
  std::filesystem::remove(Path("/unit/cgroup.subtree_control"));  // so that writing it fails
  const CgroupHome home = Open();
  ASSERT_EQ(home.missing().size(), 2U);
  EXPECT_TRUE(home.missing()[0].contains("cgroup")) << home.missing()[0];
  EXPECT_EQ(ReadText(Path("/unit/prism/gateway/cgroup.procs")), "0");
  EXPECT_EQ(ReadText(Path("/unit/cgroup.procs")), "0") << "it did not come back";
}

// As systemd starts it with DelegateSubgroup=gateway, also when servers have outlived the last one.
TEST_F(SharedTree, IsBesideTheGatewayThatItWasStartedIn) {
  std::filesystem::remove(directory_.File("cgroup"));
  AppendText(directory_.File("cgroup"), "0::/unit/gateway\n");
  MakeFiles("/unit/gateway", {"cgroup.procs", "cgroup.subtree_control"});
  MakeFiles(fmt::format("/unit/probe-{}", ::getpid()), limits_);
  const CgroupHome home = Open();
  ASSERT_TRUE(home.missing().empty()) << home.missing()[0];
  EXPECT_EQ(ReadText(Path("/unit/cgroup.subtree_control")), "+memory");
  EXPECT_EQ(ReadText(Path("/unit/gateway/cgroup.subtree_control")), "");
  EXPECT_EQ(ReadText(Path("/unit/cgroup.procs")), "");
  const Cgroup cgroup = home.Of(directory_.File("run"));
  ASSERT_EQ(cgroup.directories().size(), 1U);
  EXPECT_TRUE(cgroup.directories()[0].starts_with(Path("/unit/run-"))) << cgroup.directories()[0];
}

uid_t OwnerOf(const std::string& path) {
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_uid : ~0U;
}

TEST_F(SharedTree, GivesAUserOursAndNothingElse) {
  const InstanceUser user = testing::TestUser();
  const std::string ours = fmt::format("/unit/prism-{}", user.uid);
  MakeOurs(ours);
  MakeFiles(fmt::format("{}/probe-{}", ours, ::getpid()), limits_);
  const CgroupHome home = CgroupHome::OpenFor(user, {.memory_bytes = 1 << 20}, directory_.path());
  ASSERT_TRUE(home.missing().empty()) << home.missing()[0];
  EXPECT_EQ(OwnerOf(Path(ours)), user.uid);
  EXPECT_EQ(OwnerOf(Path(ours + "/cgroup.procs")), user.uid);
  for (const std::string& kept : {std::string("/unit"), std::string("/unit/cgroup.procs"),
                                  ours + "/cgroup.subtree_control", ours + "/gateway"}) {
    EXPECT_EQ(OwnerOf(Path(kept)), ::geteuid()) << kept;
  }
}

// Makes a cgroup and enters it; 0 when all of it was permitted.
int MakeAndEnterAs(InstanceUser user, const CgroupHome& home, const Cgroup& cgroup) {
  if (::setresgid(user.gid, user.gid, user.gid) != 0) return 1;
  if (::setresuid(user.uid, user.uid, user.uid) != 0) return 2;
  if (!home.Make(cgroup)) return 3;
  const auto members = cgroup.OpenMembers();
  if (!members) return 4;
  for (const base::UniqueFd& each : *members) {
    if (::write(each.get(), "0", 1) != 1) return 5;
  }
  return 0;
}

TEST(CgroupHomeTest, IsAUsersWhoIsNotRoot) {
  const TempDirectory directory;
  const InstanceUser user = testing::TestUser();
  const CgroupHome home = CgroupHome::OpenFor(user, {.memory_bytes = 64 << 20, .processes = 7});
  ASSERT_TRUE(home.missing().empty()) << home.missing()[0];
  const Cgroup cgroup = home.Of(directory.path());
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(MakeAndEnterAs(user, home, cgroup));
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  for (const std::string& made : cgroup.directories()) EXPECT_EQ(OwnerOf(made), user.uid);
  EXPECT_TRUE(cgroup.Remove());
}

TEST(CgroupHomeTest, SaysWhatItCantLimit) {
  const CgroupHome home = CgroupHome::Open({.memory_bytes = 1 << 20}, "/nowhere");
  EXPECT_EQ(home.missing(),
            (std::vector<std::string>{"pids: this machine shows no cgroups of it",
                                      "memory: this machine shows no cgroups of it"}));
  EXPECT_TRUE(home.Make(home.Of("/tmp")));
}

TEST(CgroupHomeTest, MakesWhatTheKernelLimits) {
  const TempDirectory directory;
  const CgroupHome home = CgroupHome::Open({.memory_bytes = 64 << 20, .processes = 7});
  ASSERT_TRUE(home.missing().empty()) << home.missing()[0];
  const Cgroup cgroup = home.Of(directory.path());
  ASSERT_EQ(cgroup.directories().size(), 2U);
  for (int again = 0; again < 2; ++again) {
    const Status made = home.Make(cgroup);
    ASSERT_TRUE(made) << made.error().ToString();
  }
  EXPECT_EQ(ReadText(cgroup.directories()[0] + "/pids.max"), "7\n");
  EXPECT_EQ(ReadText(cgroup.directories()[1] + "/memory.limit_in_bytes"), "67108864\n");
  EXPECT_FALSE(cgroup.RanOutOfMemory());
  EXPECT_NE(home.Of("/tmp").directories(), cgroup.directories());
  EXPECT_TRUE(cgroup.Remove());
  EXPECT_FALSE(std::filesystem::exists(cgroup.directories()[0]));
}

}  // namespace
}  // namespace prism::branching

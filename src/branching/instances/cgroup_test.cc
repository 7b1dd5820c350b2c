#include "branching/instances/cgroup.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/testing/temp_directory.h"
#include "branching/instances/testing/cluster.h"

namespace prism::branching {
namespace {

using testing::AppendText;

TEST(CgroupTest, TheKernelCountsWhatItKills) {
  for (const char* file : {"memory.oom_control", "memory.events"}) {
    const base::testing::TempDirectory directory;
    const Cgroup cgroup({"/nowhere", directory.path()});
    EXPECT_FALSE(cgroup.RanOutOfMemory());
    AppendText(directory.File(file), "oom_kill_disable 0\nunder_oom 0\n");
    EXPECT_FALSE(cgroup.RanOutOfMemory());
    AppendText(directory.File(file), "oom_kill 0\n");
    EXPECT_FALSE(cgroup.RanOutOfMemory());
    std::filesystem::remove(directory.File(file));
    AppendText(directory.File(file), "low 0\noom 3\noom_kill 2\n");
    EXPECT_TRUE(cgroup.RanOutOfMemory()) << file;
  }
}

TEST(CgroupTest, WhatIsGoneIsRemoved) {
  const base::testing::TempDirectory directory;
  const Cgroup cgroup({directory.File("a"), directory.File("b")});
  EXPECT_TRUE(cgroup.Remove());
  std::filesystem::create_directory(directory.File("b"));
  EXPECT_TRUE(cgroup.Remove());
  EXPECT_FALSE(std::filesystem::exists(directory.File("b")));
  std::filesystem::create_directories(directory.File("a") + "/in-use");
  const Status removed = cgroup.Remove();
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().reason(), "CGROUP_FILES");
  EXPECT_TRUE(Cgroup().Remove());
}

TEST(CgroupTest, EachHierarchyHasItsMembers) {
  const base::testing::TempDirectory directory;
  const std::string first = directory.File("version1");
  const std::string second = directory.File("version2");
  std::filesystem::create_directory(first);
  AppendText(first + "/tasks", "");
  EXPECT_EQ(Cgroup({first, second}).MemberFiles(),
            (std::vector<std::string>{first + "/tasks", second + "/cgroup.procs"}));
}

}  // namespace
}  // namespace prism::branching

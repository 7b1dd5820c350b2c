#include "branching/storage/probe.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/testing/temp_directory.h"
#include "branching/storage/subvolume.h"
#include "branching/storage/testing/loop_file_system.h"

namespace prism::branching {
namespace {

// "name" or "name: reason", in the order of the table.
std::vector<std::string> Table(const std::string& directory) {
  std::vector<std::string> lines;
  for (const DriverProbe& probe : ProbeDrivers(directory)) {
    std::string line(probe.traits.name);
    if (probe.refused) line += ": " + std::string(probe.refused->reason());
    lines.push_back(std::move(line));
  }
  return lines;
}

TEST(Probe, FindsWhatEachFileSystemCan) {
  using Lines = std::vector<std::string>;
  const Status own = testing::UseOwnMounts();
  ASSERT_TRUE(own) << own.error().ToString();
  const auto btrfs = testing::LoopFileSystem::Make("btrfs", 160);
  const auto xfs = testing::LoopFileSystem::Make("xfs", 320);
  ASSERT_TRUE(btrfs && xfs);
  EXPECT_EQ(Table((*btrfs)->path()), (Lines{"btrfs", "reflink", "copy"}));
  EXPECT_EQ(Table((*xfs)->path()), (Lines{"btrfs: STORE_DRIVER_UNSUITABLE", "reflink", "copy"}));
  EXPECT_EQ(Table("/dev/shm"),
            (Lines{"btrfs: STORE_DRIVER_UNSUITABLE", "reflink: STORE_DRIVER_UNSUITABLE", "copy"}));
  for (const auto& made : {btrfs->get(), xfs->get()}) {
    EXPECT_TRUE(std::filesystem::is_empty(made->path())) << "something was left";
  }
}

TEST(Probe, ClearsWhatAKilledProbeLeftAndNothingElse) {
  const Status own = testing::UseOwnMounts();
  ASSERT_TRUE(own) << own.error().ToString();
  const auto btrfs = testing::LoopFileSystem::Make("btrfs", 160);
  ASSERT_TRUE(btrfs) << btrfs.error().ToString();
  const std::string left = (*btrfs)->path() + "/.prism-probe";
  ASSERT_EQ(internal::MakeSubvolume(left), 0);
  EXPECT_EQ(Table((*btrfs)->path()).front(), "btrfs");
  EXPECT_FALSE(std::filesystem::exists(left));

  std::filesystem::create_directories(left + "/full");
  EXPECT_EQ(Table((*btrfs)->path()).front(), "btrfs: STORE_IO");
  EXPECT_TRUE(std::filesystem::exists(left + "/full"));
}

TEST(Probe, NeedsADirectoryThatCanBeWritten) {
  base::testing::TempDirectory directory;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::setuid(4321) != 0) ::_exit(2);
    bool refused = true;
    for (const DriverProbe& probe : ProbeDrivers(directory.path())) refused &= !!probe.refused;
    ::_exit(refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  for (const DriverProbe& probe : ProbeDrivers(directory.File("none"))) {
    EXPECT_TRUE(probe.refused) << probe.traits.name;
  }
}

TEST(MakeDriver, KnowsTheNamesOfTheTable) {
  for (const char* name : {"btrfs", "reflink", "copy"}) {
    const auto driver = MakeDriver(name, nullptr);
    ASSERT_TRUE(driver);
    EXPECT_EQ((*driver)->traits().name, name);
  }
  const auto unknown = MakeDriver("lvm", nullptr);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().ToString(),
            "INVALID_ARGUMENT/STORE_DRIVER_UNKNOWN: There is no storage driver lvm; there are "
            "btrfs, reflink, copy.");
}

}  // namespace
}  // namespace prism::branching

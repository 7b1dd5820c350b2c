#include "branching/storage/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/testing/temp_directory.h"
#include "branching/storage/mount_point.h"
#include "branching/storage/overlay_mount.h"
#include "branching/storage/subvolume.h"
#include "branching/storage/testing/loop_file_system.h"
#include "branching/storage/tree.h"

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
  const auto zfs = testing::LoopFileSystem::Make("zfs", 160);
  ASSERT_TRUE(btrfs && xfs && zfs);
  EXPECT_EQ(Table((*btrfs)->path()),
            (Lines{"btrfs", "zfs: STORE_DRIVER_UNSUITABLE", "reflink", "overlay", "copy"}));
  EXPECT_EQ(Table((*xfs)->path()),
            (Lines{"btrfs: STORE_DRIVER_UNSUITABLE", "zfs: STORE_DRIVER_UNSUITABLE", "reflink",
                   "overlay", "copy"}));
  EXPECT_EQ(Table((*zfs)->path()),
            (Lines{"btrfs: STORE_DRIVER_UNSUITABLE", "zfs", "reflink: STORE_DRIVER_UNSUITABLE",
                   "overlay: STORE_DRIVER_UNSUITABLE", "copy"}));
  EXPECT_EQ(Table("/dev/shm"),
            (Lines{"btrfs: STORE_DRIVER_UNSUITABLE", "zfs: STORE_DRIVER_UNSUITABLE",
                   "reflink: STORE_DRIVER_UNSUITABLE", "overlay", "copy"}));
  for (const auto& made : {btrfs->get(), xfs->get(), zfs->get()}) {
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

TEST(Probe, NamesWhatOverlaysAreMissing) {
  const Status own = testing::UseOwnMounts();
  ASSERT_TRUE(own) << own.error().ToString();
  base::testing::TempDirectory directory;
  const auto overlay = [&](const std::string& path) {
    const std::vector<DriverProbe> probes = ProbeDrivers(path);
    const auto it =
        std::ranges::find(probes, "overlay", [](const auto& p) { return p.traits.name; });
    return it->refused ? it->refused->message() : "usable";
  };
  // What a process that was killed at it has left.
  std::filesystem::create_directories(directory.File(".prism-probe-overlay/work/work"));
  std::filesystem::create_directories(directory.File(".prism-probe-overlay/upper/new"));
  EXPECT_EQ(overlay(directory.path()), "usable");
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));

  // In a container the root is one already, and can't have another one on top.
  internal::OverlayParts parts{.name = "container", .lower = {}, .upper = {}, .work = {}};
  for (const char* part : {"lower", "upper", "work", "merged"}) {
    std::filesystem::create_directory(directory.File(part));
  }
  parts.lower.push_back(*internal::OpenDirectory(directory.File("lower")));
  parts.upper = *internal::OpenDirectory(directory.File("upper"));
  parts.work = *internal::OpenDirectory(directory.File("work"));
  {
    const auto mount = internal::MakeOverlay(parts);
    ASSERT_TRUE(mount) << mount.error().ToString();
    ASSERT_TRUE(internal::AttachMount(*mount, directory.File("merged")));
  }
  EXPECT_THAT(overlay(directory.File("merged")), ::testing::HasSubstr("can't be mounted in"));
  EXPECT_TRUE(std::filesystem::is_empty(directory.File("merged")));
  EXPECT_TRUE(internal::Unmount(directory.File("merged"), internal::UnmountMode::kRefuseIfUsed));
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
  for (const char* name : {"btrfs", "zfs", "reflink", "overlay", "copy"}) {
    const auto driver = MakeDriver(name, nullptr);
    ASSERT_TRUE(driver);
    EXPECT_EQ((*driver)->traits().name, name);
  }
  const auto unknown = MakeDriver("lvm", nullptr);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().ToString(),
            "INVALID_ARGUMENT/STORE_DRIVER_UNKNOWN: There is no storage driver lvm; there are "
            "btrfs, zfs, reflink, overlay, copy.");
}

}  // namespace
}  // namespace prism::branching

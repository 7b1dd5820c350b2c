// What is left when a process is killed in the middle, or the disk is full.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>

#include "base/testing/rounds.h"
#include "branching/storage/storage.h"
#include "branching/storage/testing/file_trees.h"
#include "branching/storage/testing/storage_kinds.h"
#include "branching/storage/tree.h"
#include "branching/storage/zfs_dataset.h"

namespace prism::branching {
namespace {

using ::testing::AnyOf;
using testing::Describe;
using testing::WriteFile;

namespace fs = std::filesystem;

class StorageCrash : public testing::StorageTest {};

INSTANTIATE_TEST_SUITE_P(Drivers, StorageCrash, testing::AllStorageKinds(),
                         [](const auto& kind) { return kind.param.name; });

int EntriesOf(const std::string& directory) {
  std::error_code none;
  return static_cast<int>(
      std::distance(fs::directory_iterator(directory, none), fs::directory_iterator()));
}

int MountsBelow(const std::string& directory) {
  std::ifstream table("/proc/self/mounts");
  int count = 0;
  for (std::string line; std::getline(table, line);) {
    if (line.find(" " + directory + "/") != std::string::npos) ++count;
  }
  return count;
}

// File systems and snapshots of volumes.
int DatasetsBelow(const std::string& directory) {
  const auto parent = internal::DatasetOf(directory);
  const auto lock = internal::OpenDirectory(directory);
  if (!parent || !lock) return -1;
  const auto all = internal::ListDatasets(*lock, *parent + "/prism-volumes");
  return all ? static_cast<int>(all->size()) - 1 : -1;
}

// Imports, clones, freezes and deletes until it is killed; ends by itself only when a call fails.
[[noreturn]] void Work(Storage& storage, const std::string& source) {
  for (;;) {
    if (!storage.Import(source, "imported") || !storage.Freeze("imported") ||
        !storage.Clone("imported", "clone") || !storage.Delete("imported") ||
        !storage.Delete("clone")) {
      ::_exit(1);
    }
  }
}

// Kills a child that works on the store, `after` from the moment on that the store is open.
void KillInTheMiddle(const std::function<std::unique_ptr<Storage>()>& open,
                     const std::string& source, timespec after) {
  int ready[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto storage = open();
    if (!storage || !storage->Sweep()) ::_exit(2);
    if (::write(ready[1], "r", 1) != 1) ::_exit(3);
    Work(*storage, source);
  }
  ::close(ready[1]);
  char word = 0;
  EXPECT_EQ(::read(ready[0], &word, 1), 1);
  ::close(ready[0]);
  pollfd ended = {static_cast<int>(::syscall(SYS_pidfd_open, child, 0)), POLLIN, 0};
  EXPECT_EQ(::ppoll(&ended, 1, &after, nullptr), 0) << "the child failed by itself";
  ::close(ended.fd);
  ::kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << status;
}

TEST_P(StorageCrash, VolumesAreThereWholeOrNotAtAll) {
  testing::MakeSampleTree(Source());
  std::map<std::string, std::string> whole;
  {
    const auto storage = Open();
    ASSERT_TRUE(storage->Import(Source(), "kept"));
    whole = Describe(*storage->Path("kept"));
  }
  std::mt19937 random(GetParam().name.size());
  // Of what is done in one go, in nanoseconds.
  const bool zfs = GetParam().driver == "zfs";
  std::uniform_int_distribution<long> until(0, zfs ? 999'999'999 : 25'000'000);
  std::map<std::string, int> outcomes;
  const std::int64_t rounds = zfs ? base::Rounds(10, 100) : base::Rounds(50, 500);
  for (std::int64_t round = 0; round < rounds; ++round) {
    ASSERT_NO_FATAL_FAILURE(
        KillInTheMiddle([this] { return Open(); }, Source(), {0, until(random)}));
    const auto storage = Open();
    ASSERT_NE(storage, nullptr);
    const auto volumes = storage->List();
    ASSERT_TRUE(volumes);
    for (const std::string& id : *volumes) {
      EXPECT_THAT(id, AnyOf("kept", "imported", "clone"));
      const Status mounted = storage->Mount(id);
      ASSERT_TRUE(mounted) << mounted.error().ToString() << " in round " << round;
      EXPECT_EQ(Describe(*storage->Path(id)), whole) << id << " in round " << round;
    }
    const auto swept = storage->Sweep();
    ASSERT_TRUE(swept) << swept.error().ToString();
    ++outcomes[*swept > 0 ? "in the middle" : "between"];
    ASSERT_TRUE(storage->Delete("imported"));
    ASSERT_TRUE(storage->Delete("clone"));
    EXPECT_EQ(EntriesOf(StorePath() + "/volumes"), 1);
    // Of "kept", where volumes are mounts.
    EXPECT_LE(MountsBelow(StorePath()), 1) << "in round " << round;
    EXPECT_LE(EntriesOf(StorePath() + "/layers"), 1) << "in round " << round;
    if (zfs) EXPECT_EQ(DatasetsBelow(StorePath()), 1) << "in round " << round;
  }
  EXPECT_GT(outcomes["in the middle"], 0) << "no kill came at an interesting moment";
}

// A file system of its own that can be full.
class StorageFull : public testing::StorageTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(UseFileSystem(GetParam().file_system == "xfs" ? 300 : 160));
  }
};

INSTANTIATE_TEST_SUITE_P(Drivers, StorageFull,
                         ::testing::Values(testing::StorageKind{"Btrfs", "btrfs", "btrfs"},
                                           testing::StorageKind{"Zfs", "zfs", "zfs"},
                                           testing::StorageKind{"ReflinkOnXfs", "reflink", "xfs"},
                                           testing::StorageKind{"OverlayOnExt4", "overlay", "ext4"},
                                           testing::StorageKind{"CopyOnXfs", "copy", "xfs"}),
                         [](const auto& kind) { return kind.param.name; });

TEST_P(StorageFull, LeavesNothingHalfAndGoesOn) {
  // On another file system, larger than this one.
  const std::string large = directory_.File("large");
  for (int i = 0; i < 20; ++i) {
    WriteFile(large + "/" + std::to_string(i), std::string(16 << 20, static_cast<char>('a' + i)));
  }
  testing::MakeSampleTree(Source());
  const auto storage = Open();
  ASSERT_TRUE(storage->Import(Source(), "base"));
  const auto before = Describe(root_ + "/store/volumes");

  const Status full = storage->Import(large, "large");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().reason(), "DISK_FULL") << full.error().ToString();
  EXPECT_EQ(full.error().code(), Code::kResourceExhausted);
  auto after = Describe(root_ + "/store/volumes");
  after[""] = before.at("");  // its time has changed
  EXPECT_EQ(after, before);

  const Status cloned = storage->Clone("base", "b1");
  EXPECT_TRUE(cloned) << cloned.error().ToString();
  EXPECT_TRUE(storage->Delete("base"));
}

}  // namespace
}  // namespace prism::branching

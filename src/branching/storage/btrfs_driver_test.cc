#include "branching/storage/btrfs_driver.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "branching/storage/storage.h"
#include "branching/storage/subvolume.h"
#include "branching/storage/testing/file_trees.h"
#include "branching/storage/testing/loop_file_system.h"

namespace prism::branching {
namespace {

using testing::WriteFile;

namespace fs = std::filesystem;

constexpr VolumeOwner kOwner = {4321, 4322};

class BtrfsDriverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const Status own = testing::UseOwnMounts();
    ASSERT_TRUE(own) << own.error().ToString();
    auto made = testing::LoopFileSystem::Make("btrfs", 320);
    ASSERT_TRUE(made) << made.error().ToString();
    file_system_ = *std::move(made);
    auto storage = Open();
    ASSERT_TRUE(storage) << storage.error().ToString();
    storage_ = *std::move(storage);
  }

  Result<std::unique_ptr<Storage>> Open() const {
    return Storage::Open({.directory = File("store"), .owner = kOwner},
                         std::make_unique<BtrfsDriver>());
  }

  std::string File(const std::string& name) const { return file_system_->path() + "/" + name; }

  std::uint64_t UsedBytes() const {
    const int fd = ::open(file_system_->path().c_str(), O_RDONLY);
    struct statvfs space = {};
    EXPECT_EQ(::syncfs(fd), 0);
    EXPECT_EQ(::fstatvfs(fd, &space), 0);
    ::close(fd);
    return (space.f_blocks - space.f_bfree) * space.f_frsize;
  }

  std::unique_ptr<testing::LoopFileSystem> file_system_;
  std::unique_ptr<Storage> storage_;
};

TEST_F(BtrfsDriverTest, AHundredClonesTakeNextToNothing) {
  constexpr std::uint64_t kSize = 64 << 20;
  WriteFile(File("source/data"), std::string(kSize, 'x'));
  for (int i = 0; i < 900; ++i) {
    WriteFile(File("source/base/" + std::to_string(i)), std::string(8192, 'f'));
  }
  ASSERT_TRUE(storage_->Import(File("source"), "base"));
  const std::uint64_t before = UsedBytes();
  for (int i = 0; i < 100; ++i) {
    const Status cloned = storage_->Clone("base", "b" + std::to_string(i));
    ASSERT_TRUE(cloned) << cloned.error().ToString();
  }
  // A root and some inodes each; the tree has 72 MiB in 901 files.
  EXPECT_LT(UsedBytes() - before, 100 * (std::uint64_t{128} << 10));
  EXPECT_EQ(storage_->List()->size(), 101U);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(storage_->Delete("b" + std::to_string(i)));
  EXPECT_EQ(storage_->List()->size(), 1U);
}

TEST_F(BtrfsDriverTest, TakesSubvolumesAsTheyAre) {
  ASSERT_EQ(internal::MakeSubvolume(File("master")), 0);
  constexpr std::uint64_t kSize = 8 << 20;
  WriteFile(File("master/data"), std::string(kSize, 'x'));
  ASSERT_TRUE(storage_->Import(File("master"), "base"));
  EXPECT_EQ(storage_->Measure("base")->shared_bytes, kSize);
  const auto entries = testing::Describe(*storage_->Path("base"));
  for (const auto& [path, what] : entries) {
    EXPECT_NE(what.find("owner 4321:4322"), std::string::npos) << path << ": " << what;
  }
  WriteFile(*storage_->Path("base") + "/data", "changed");
  EXPECT_EQ(testing::ReadFile(File("master/data")), std::string(kSize, 'x'));
}

TEST_F(BtrfsDriverTest, RefusesWhatASnapshotWouldLeaveEmpty) {
  for (const bool subvolume : {false, true}) {
    const std::string source = File(subvolume ? "master" : "directory");
    if (subvolume) ASSERT_EQ(internal::MakeSubvolume(source), 0);
    WriteFile(source + "/PG_VERSION", "15\n");
    ASSERT_EQ(internal::MakeSubvolume(source + "/pg_wal"), 0);
    WriteFile(source + "/pg_wal/1", "w");
    const Status imported = storage_->Import(source, "base");
    ASSERT_FALSE(imported);
    EXPECT_EQ(imported.error().reason(), "STORE_SOURCE_MOUNT");
  }
  WriteFile(File("plain/file"), "f");
  ASSERT_TRUE(storage_->Import(File("plain"), "base"));
  ASSERT_EQ(internal::MakeSubvolume(*storage_->Path("base") + "/pg_wal"), 0);
  WriteFile(*storage_->Path("base") + "/pg_wal/1", "w");
  const Status cloned = storage_->Clone("base", "b1");
  ASSERT_FALSE(cloned);
  EXPECT_EQ(cloned.error().reason(), "STORE_NESTED_SUBVOLUME");
  EXPECT_TRUE(storage_->Delete("base"));
  EXPECT_TRUE(storage_->List()->empty());
}

TEST_F(BtrfsDriverTest, HandlesVolumesOfOtherDrivers) {
  testing::MakeSampleTree(*storage_->Path("plain"));
  ASSERT_TRUE(storage_->Freeze("plain"));
  ASSERT_TRUE(storage_->Clone("plain", "b1"));
  EXPECT_TRUE(internal::IsSubvolume(*storage_->Path("b1")));
  auto wanted = testing::Describe(*storage_->Path("plain"));
  wanted.erase(".s.PGSQL.5432");
  EXPECT_EQ(testing::Describe(*storage_->Path("b1")), wanted);
  EXPECT_TRUE(storage_->Delete("plain"));
}

// In a process that has become the owner: the number of the step that failed, 0 when none.
int WorkUnprivileged(const std::string& source,
                     const std::function<Result<std::unique_ptr<Storage>>()>& open) {
  if (::setgid(kOwner.gid) != 0 || ::setuid(kOwner.uid) != 0) return 1;
  const auto storage = open();
  if (!storage) return 2;
  if (!(*storage)->Clone("base", "b1")) return 3;
  if (!(*storage)->Freeze("b1") || !(*storage)->Clone("b1", "b2")) return 4;
  if (!(*storage)->Delete("b1") || !(*storage)->Delete("b2")) return 5;
  if (!(*storage)->Import(source, "b3") || !(*storage)->Measure("b3")) return 6;
  if (!(*storage)->Delete("b3") || (*storage)->List()->size() != 1) return 7;
  return 0;
}

TEST_F(BtrfsDriverTest, NeedsNoRootWhereTheOwnerRunsIt) {
  testing::MakeSampleTree(File("source"));
  fs::permissions(File("source/PG_VERSION"), fs::perms(0444));
  fs::permissions(File("source/pg_tblspc/empty"), fs::perms(0555));
  ASSERT_TRUE(storage_->Import(File("source"), "base"));
  storage_.reset();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(WorkUnprivileged(File("source"), [this] { return Open(); }));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "step " << WEXITSTATUS(status);
}

}  // namespace
}  // namespace prism::branching

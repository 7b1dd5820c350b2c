#include "sqlite/data_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/testing/temp_directory.h"
#include "sqlite/disk_guard.h"

namespace prism::sqlite {
namespace {

using base::testing::TempDirectory;

TEST(DataDirectory, IsMadeForItsUserAlone) {
  const TempDirectory parent;
  const auto opened = DataDirectory::Open(parent.File("a/b/"));
  ASSERT_TRUE(opened) << opened.error().ToString();
  struct stat found = {};
  ASSERT_EQ(stat(parent.File("a/b").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700u);
  EXPECT_EQ(opened->NamespaceFile("orders"), parent.File("a/b/namespaces/orders.db"));
  EXPECT_EQ(access(parent.File("a/b/namespaces").c_str(), W_OK), 0);
}

TEST(DataDirectory, HasOneOwner) {
  const TempDirectory directory;
  {
    const auto first = DataDirectory::Open(directory.path());
    ASSERT_TRUE(first);
    const auto second = DataDirectory::Open(directory.path());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), Code::kFailedPrecondition);
    EXPECT_EQ(second.error().reason(), "DATA_DIRECTORY_LOCKED");
    EXPECT_NE(second.error().message().find(std::to_string(getpid())), std::string::npos);
  }
  EXPECT_TRUE(DataDirectory::Open(directory.path()));
}

TEST(DataDirectory, AFileInItsPlaceIsExplained) {
  const TempDirectory directory;
  std::ofstream(directory.File("file")) << "x";
  for (const char* path : {"file", "file/below"}) {
    const auto opened = DataDirectory::Open(directory.File(path));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().reason(), "DATA_DIRECTORY_UNUSABLE");
    EXPECT_NE(opened.error().message().find("Not a directory"), std::string::npos)
        << opened.error().message();
  }
}

class FixedProbe final : public DiskProbe {
 public:
  Result<DiskSpace> Measure(const std::string&) override {
    ++asked;
    return DiskSpace{.total_bytes = 1000, .available_bytes = available};
  }
  std::uint64_t available = 1000;
  int asked = 0;
};

TEST(DiskGuard, RefusesInTheReserveAndRecovers) {
  FixedProbe probe;
  DiskGuard guard("/data", probe, 0);
  EXPECT_TRUE(guard.Check());
  probe.available = 50;
  EXPECT_TRUE(guard.Check());
  probe.available = 49;
  const auto refused = guard.Check();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kResourceExhausted);
  EXPECT_EQ(refused.error().reason(), "DISK_FULL");
  probe.available = 500;
  EXPECT_TRUE(guard.Check());
}

TEST(DiskGuard, AsksOncePerInterval) {
  FixedProbe probe;
  DiskGuard guard("/data", probe, 3600 * kNanosPerSecond);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(guard.Check());
  EXPECT_EQ(probe.asked, 1);
}

TEST(DiskGuard, SystemProbeMeasures) {
  SystemDiskProbe probe;
  const auto space = probe.Measure("/");
  ASSERT_TRUE(space);
  EXPECT_GT(space->total_bytes, space->available_bytes);
  EXPECT_FALSE(probe.Measure("/nowhere/at/all"));
}

class RemoveNamespaceFiles : public ::testing::Test {
 protected:
  std::string File(const std::string& name) const {
    return parent_.File("data/namespaces/" + name);
  }
  void Make(const std::string& name) const { std::ofstream(File(name)) << "x"; }
  std::vector<std::string> Left() const {
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(File(""))) {
      names.push_back(file.path().filename().string());
    }
    std::ranges::sort(names);
    return names;
  }

  const TempDirectory parent_;
  const Result<DataDirectory> directory_ = DataDirectory::Open(parent_.File("data"));
};

TEST_F(RemoveNamespaceFiles, TakesAllOfOneNameAndNothingElse) {
  for (const char* name : {"a.db", "a.db-wal", "a.db-shm", "a.db.before-upgrade-1", "a.dbx",
                           "ab.db", "a-b.db", "b-a.db"}) {
    Make(name);
  }
  ASSERT_TRUE(directory_->RemoveNamespaceFiles("a"));
  EXPECT_EQ(Left(), (std::vector<std::string>{"a-b.db", "a.dbx", "ab.db", "b-a.db"}));
  EXPECT_TRUE(directory_->RemoveNamespaceFiles("a"));
}

TEST_F(RemoveNamespaceFiles, DoesNotLeaveTheDirectory) {
  std::ofstream(parent_.File("outside.db")) << "x";
  ASSERT_TRUE(directory_->RemoveNamespaceFiles("../../outside"));
  std::filesystem::create_symlink(parent_.File("outside.db"), File("a.db"));
  const Status linked = directory_->RemoveNamespaceFiles("a");
  ASSERT_FALSE(linked);
  EXPECT_EQ(linked.error().reason(), "NAMESPACE_FILE_UNUSABLE");
  EXPECT_EQ(Left(), std::vector<std::string>{"a.db"});
  EXPECT_TRUE(std::filesystem::exists(parent_.File("outside.db")));
}

TEST_F(RemoveNamespaceFiles, SaysWhatIsInTheWay) {
  std::filesystem::create_directory(File("a.db"));
  const Status refused = directory_->RemoveNamespaceFiles("a");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "NAMESPACE_FILE_UNUSABLE");
  EXPECT_NE(refused.error().message().find(File("a.db")), std::string::npos);
}

}  // namespace
}  // namespace prism::sqlite

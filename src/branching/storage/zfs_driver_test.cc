// What is the zfs driver's alone.
#include "branching/storage/zfs_driver.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "branching/storage/testing/file_trees.h"
#include "branching/storage/testing/storage_kinds.h"
#include "branching/storage/tree.h"
#include "branching/storage/zfs_command.h"
#include "branching/storage/zfs_dataset.h"

namespace prism::branching {
namespace {

using ::testing::HasSubstr;
using testing::ReadFile;
using testing::WriteFile;

namespace fs = std::filesystem;

constexpr std::uint64_t kMebibyte = 1 << 20;

class ZfsDriverTest : public testing::StorageTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(StorageTest::SetUp());
    WriteFile(Source() + "/data", std::string(4 * kMebibyte, 'x'));
    storage_ = Open();
    ASSERT_TRUE(storage_->Import(Source(), "base"));
  }

  std::string File(const std::string& id) const { return *storage_->Path(id) + "/data"; }

  Result<std::string> Zfs(const std::vector<std::string>& arguments) const {
    return internal::RunZfs(*internal::OpenDirectory(root_), arguments);
  }

  // File systems of volumes, and their snapshots.
  std::vector<internal::Dataset> Datasets() const {
    const std::string parent = *internal::DatasetOf(StorePath()) + "/prism-volumes";
    auto all = internal::ListDatasets(*internal::OpenDirectory(root_), parent);
    EXPECT_TRUE(all) << all.error().ToString();
    std::erase_if(*all, [&](const internal::Dataset& one) { return one.name == parent; });
    return *all;
  }

  std::unique_ptr<Storage> storage_;
};

INSTANTIATE_TEST_SUITE_P(Drivers, ZfsDriverTest,
                         ::testing::Values(testing::StorageKind{"Zfs", "zfs", "zfs"}),
                         [](const auto& kind) { return kind.param.name; });

TEST_P(ZfsDriverTest, DatasetsGoWithTheirVolumes) {
  EXPECT_EQ(Datasets().size(), 1U);
  ASSERT_TRUE(storage_->Clone("base", "b1"));
  EXPECT_EQ(Datasets().size(), 3U) << "two, and the snapshot that b1 is made of";
  ASSERT_TRUE(storage_->Delete("b1"));
  EXPECT_EQ(Datasets().size(), 1U);
  ASSERT_TRUE(storage_->Delete("base"));
  EXPECT_EQ(Datasets().size(), 0U);
}

TEST_P(ZfsDriverTest, ClonesOutliveWhatTheyAreMadeOf) {
  ASSERT_TRUE(storage_->Clone("base", "early"));
  WriteFile(File("base"), std::string(4 * kMebibyte, 'y'));
  ASSERT_TRUE(storage_->Freeze("base"));
  for (const char* id : {"late", "later"}) ASSERT_TRUE(storage_->Clone("base", id));
  ASSERT_TRUE(storage_->Clone("late", "child"));
  for (const char* id : {"base", "late"}) {
    const Status gone = storage_->Delete(id);
    ASSERT_TRUE(gone) << gone.error().ToString();
  }
  EXPECT_EQ(ReadFile(File("early")).front(), 'x');
  for (const char* id : {"later", "child"}) {
    EXPECT_EQ(ReadFile(File(id)), std::string(4 * kMebibyte, 'y')) << id;
  }
  for (const char* id : {"child", "early", "later"}) ASSERT_TRUE(storage_->Delete(id));
  EXPECT_EQ(Datasets().size(), 0U) << "snapshots went with the last that needed them";
}

// Each removal gives what it leaves to a clone that somebody else may be removing.
TEST_P(ZfsDriverTest, ManyComeAndGoAtOnce) {
  ASSERT_TRUE(storage_->Freeze("base"));
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, id = "b" + std::to_string(i)] {
      const std::string child = id + "-child";
      for (int round = 0; round < 3; ++round) {
        for (const auto& [from, to] : {std::pair(std::string("base"), id), std::pair(id, child)}) {
          const Status made = storage_->Clone(from, to);
          EXPECT_TRUE(made) << made.error().ToString();
          EXPECT_EQ(ReadFile(File(to)).size(), 4 * kMebibyte);
        }
        for (const std::string& volume : {id, child}) {
          const Status gone = storage_->Delete(volume);
          EXPECT_TRUE(gone) << gone.error().ToString();
        }
      }
    });
  }
  threads.clear();
  ASSERT_TRUE(storage_->Delete("base"));
  EXPECT_EQ(Datasets().size(), 0U);
}

TEST_P(ZfsDriverTest, SpaceComesBackWithTheLastClone) {
  ASSERT_TRUE(storage_->Freeze("base"));
  ASSERT_TRUE(storage_->Clone("base", "b1"));
  EXPECT_LT(storage_->Measure("b1")->own_bytes, kMebibyte);
  EXPECT_LT(storage_->Measure("base")->own_bytes, kMebibyte) << "b1 would keep it";
  ASSERT_TRUE(storage_->Delete("base"));
  EXPECT_GE(storage_->Measure("b1")->own_bytes, 4 * kMebibyte) << "nobody else has it any more";
}

// Each number is in `first` before it is in `second`: never the other way round in a clone.
TEST_P(ZfsDriverTest, AClonedWriterIsFoundAtOneMoment) {
  const std::string volume = *storage_->Path("base");
  std::atomic<bool> enough = false;
  std::jthread writer([&] {
    const base::UniqueFd first(::open((volume + "/first").c_str(), O_RDWR | O_CREAT, 0600));
    const base::UniqueFd second(::open((volume + "/second").c_str(), O_RDWR | O_CREAT, 0600));
    for (int i = 1; !enough; ++i) {
      if (::pwrite(first.get(), &i, sizeof(i), 0) != sizeof(i)) break;
      if (::pwrite(second.get(), &i, sizeof(i), 0) != sizeof(i)) break;
    }
  });
  const auto number = [&](const std::string& path) {
    const std::string text = fs::exists(path) ? ReadFile(path) : "";
    int value = 0;
    if (text.size() == sizeof(value)) text.copy(reinterpret_cast<char*>(&value), sizeof(value));
    return value;
  };
  while (number(volume + "/second") == 0) std::this_thread::yield();
  int before = 0;
  for (int i = 0; i < 4; ++i) {
    const std::string id = "b" + std::to_string(i);
    ASSERT_TRUE(storage_->Clone("base", id));
    const int first = number(*storage_->Path(id) + "/first");
    const int second = number(*storage_->Path(id) + "/second");
    EXPECT_TRUE(first == second || first == second + 1) << first << " " << second;
    EXPECT_GE(second, before);
    before = second;
  }
  EXPECT_GT(before, 0);
  enough = true;
}

TEST_P(ZfsDriverTest, AVolumeThatIsUsedGoesWithItsLastUser) {
  ASSERT_TRUE(storage_->Clone("base", "b1"));
  base::UniqueFd reader(::open(File("b1").c_str(), O_RDONLY | O_CLOEXEC));
  const Status busy = storage_->Delete("b1");
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().reason(), "STORE_BUSY");
  EXPECT_EQ(storage_->List()->size(), 1U) << "its name is gone at once";
  reader.reset();
  storage_.reset();
  storage_ = Open();
  const auto swept = storage_->Sweep();
  ASSERT_TRUE(swept) << swept.error().ToString();
  EXPECT_EQ(*swept, 1U);
  EXPECT_EQ(Datasets().size(), 1U);
}

// The snapshot is there and the clone is not.
TEST_P(ZfsDriverTest, ACloneThatWasKilledLeavesNoSnapshot) {
  const std::string left = StorePath() + "/volumes/.prism-tmp-killed";
  fs::create_directories(left + "/data");
  fs::create_symlink("1-killed", left + "/dataset");
  const std::string base = Datasets().front().name;
  ASSERT_TRUE(Zfs({"snapshot", base + "@1-killed"}));
  EXPECT_EQ(Datasets().size(), 2U);
  const auto swept = storage_->Sweep();
  ASSERT_TRUE(swept) << swept.error().ToString();
  EXPECT_EQ(*swept, 1U);
  EXPECT_EQ(Datasets().size(), 1U);
}

TEST_P(ZfsDriverTest, AVolumeWithoutItsRecordIsRefused) {
  const std::string record = StorePath() + "/volumes/base/dataset";
  for (const std::string& text :
       {std::string("../../etc"), std::string("a@b"), std::string("-r")}) {
    fs::remove(record);
    fs::create_symlink(text, record);
    const Status cloned = storage_->Clone("base", "b1");
    ASSERT_FALSE(cloned);
    EXPECT_EQ(cloned.error().reason(), "STORE_DATASET") << text;
  }
  fs::remove(record);
  fs::create_symlink("not-there", record);
  EXPECT_EQ(storage_->Measure("base").error().reason(), "STORE_DATASET");
  EXPECT_EQ(storage_->Clone("base", "b1").error().reason(), "STORE_ZFS");
  EXPECT_EQ(storage_->List()->size(), 1U);
}

TEST_P(ZfsDriverTest, SaysWhatTheProgramSaid) {
  const auto missing = Zfs({"list", "nothing"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), Code::kNotFound);
  EXPECT_EQ(missing.error().reason(), "STORE_ZFS");
  EXPECT_THAT(missing.error().message(), HasSubstr("`zfs list nothing` failed"));
  EXPECT_THAT(missing.error().message(), HasSubstr("dataset does not exist"));
  const auto exists = Zfs({"create", Datasets().front().name});
  ASSERT_FALSE(exists);
  EXPECT_EQ(exists.error().code(), Code::kAlreadyExists);
  const auto wrong = Zfs({"no-such-verb"});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), Code::kFailedPrecondition);
}

TEST_P(ZfsDriverTest, NeedsTheProgramAndItsFileSystem) {
  const std::string nowhere = directory_.File("nowhere");
  fs::create_directory(nowhere);
  EXPECT_EQ(internal::TryZfs(nowhere).error().reason(), "STORE_DRIVER_UNSUITABLE");
  EXPECT_TRUE(internal::TryZfs(root_));
  std::vector<std::string> hidden;
  for (const char* program : {"/usr/local/sbin/zfs", "/usr/sbin/zfs", "/sbin/zfs"}) {
    if (::mount("/dev/null", program, nullptr, MS_BIND, nullptr) == 0) hidden.emplace_back(program);
  }
  EXPECT_THAT(internal::TryZfs(root_).error().message(), HasSubstr("program zfs is not there"));
  EXPECT_EQ(storage_->Clone("base", "b1").error().reason(), "STORE_NO_ZFS");
  for (const std::string& program : hidden) EXPECT_EQ(::umount2(program.c_str(), 0), 0);
}

TEST_P(ZfsDriverTest, FindsTheDatasetWhateverItIsCalled) {
  const std::string pool = *internal::DatasetOf(root_);
  const std::string odd = root_ + "/odd";
  const auto made = Zfs({"create", "-o", "mountpoint=" + odd, pool + "/odd name"});
  ASSERT_TRUE(made) << made.error().ToString();
  EXPECT_EQ(*internal::DatasetOf(odd), pool + "/odd name");
  fs::create_directory(odd + "/below");
  EXPECT_EQ(*internal::DatasetOf(odd + "/below"), pool + "/odd name");
}

}  // namespace
}  // namespace prism::branching

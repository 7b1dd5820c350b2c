// What is the overlay driver's alone.
#include "branching/storage/overlay_driver.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>

#include "base/unique_fd.h"
#include "branching/storage/testing/file_trees.h"
#include "branching/storage/testing/storage_kinds.h"

namespace prism::branching {
namespace {

using testing::ReadFile;
using testing::WriteFile;

namespace fs = std::filesystem;

class OverlayDriverTest : public testing::StorageTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(StorageTest::SetUp());
    WriteFile(Source() + "/data", std::string(1 << 20, 'x'));
    storage_ = Open();
    ASSERT_TRUE(storage_->Import(Source(), "base"));
  }
  std::string File(const std::string& id) const { return *storage_->Path(id) + "/data"; }
  std::size_t Layers() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(StorePath() + "/layers"), fs::directory_iterator()));
  }

  std::unique_ptr<Storage> storage_;
};

INSTANTIATE_TEST_SUITE_P(Drivers, OverlayDriverTest,
                         ::testing::Values(testing::StorageKind{"Ext4", "overlay", "ext4"}),
                         [](const auto& kind) { return kind.param.name; });

TEST_P(OverlayDriverTest, WhoStillWritesKeepsAVolumeFromBeingFrozen) {
  base::UniqueFd writer(::open(File("base").c_str(), O_RDWR | O_CLOEXEC));
  const Status busy = storage_->Freeze("base");
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().reason(), "STORE_BUSY");
  ASSERT_EQ(::pwrite(writer.get(), "y", 1, 0), 1);
  writer.reset();
  EXPECT_TRUE(storage_->Freeze("base"));
  EXPECT_EQ(ReadFile(File("base")).front(), 'y');
  EXPECT_EQ(::open(File("base").c_str(), O_RDWR), -1);
  EXPECT_EQ(errno, EROFS);
}

// As that of a server that was started in namespaces of its own.
TEST_P(OverlayDriverTest, AMountThatOthersHaveKeepsAVolumeFromBeingFrozen) {
  const std::string other = root_ + "/other";
  fs::create_directory(other);
  ASSERT_EQ(::mount(storage_->Path("base")->c_str(), other.c_str(), nullptr, MS_BIND, nullptr), 0);
  const Status busy = storage_->Freeze("base");
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().reason(), "STORE_BUSY");
  ASSERT_EQ(::umount2(other.c_str(), 0), 0);
  const Status frozen = storage_->Freeze("base");
  EXPECT_TRUE(frozen) << frozen.error().ToString();
}

TEST_P(OverlayDriverTest, WhatIsNotFrozenIsCopied) {
  ASSERT_TRUE(storage_->Clone("base", "copy"));
  EXPECT_EQ(storage_->Measure("copy")->own_bytes, 1U << 20);
  ASSERT_TRUE(storage_->Freeze("base"));
  ASSERT_TRUE(storage_->Clone("base", "b1"));
  EXPECT_EQ(storage_->Measure("b1")->own_bytes, 0U);
  EXPECT_EQ(storage_->Measure("base")->own_bytes, 0U) << "it is below b1";
  ASSERT_TRUE(storage_->Delete("base"));
  EXPECT_EQ(storage_->Measure("b1")->own_bytes, 1U << 20) << "nobody else needs it any more";
}

TEST_P(OverlayDriverTest, LayersGoWithTheLastVolumeThatNeedsThem) {
  ASSERT_TRUE(storage_->Freeze("base"));
  for (const char* id : {"b1", "b2"}) ASSERT_TRUE(storage_->Clone("base", id));
  EXPECT_EQ(Layers(), 3U);
  ASSERT_TRUE(storage_->Delete("base"));
  EXPECT_EQ(Layers(), 3U);
  ASSERT_TRUE(storage_->Delete("b1"));
  EXPECT_EQ(Layers(), 2U);
  EXPECT_EQ(ReadFile(File("b2")).size(), 1U << 20);
  ASSERT_TRUE(storage_->Delete("b2"));
  EXPECT_EQ(Layers(), 0U);
}

TEST_P(OverlayDriverTest, AVolumeThatIsUsedGoesAllTheSame) {
  ASSERT_TRUE(storage_->Freeze("base"));
  ASSERT_TRUE(storage_->Clone("base", "b1"));
  const base::UniqueFd reader(::open(File("b1").c_str(), O_RDONLY | O_CLOEXEC));
  const Status gone = storage_->Delete("b1");
  EXPECT_TRUE(gone) << gone.error().ToString();
  EXPECT_EQ(Layers(), 1U);
}

TEST_P(OverlayDriverTest, AVolumeWithoutItsRecordIsRefused) {
  ASSERT_TRUE(storage_->Freeze("base"));
  ASSERT_TRUE(storage_->Clone("base", "b1"));
  const std::string record = StorePath() + "/volumes/b1/layers";
  for (const std::string& text : {std::string("../../etc"), std::string("a:B"), std::string(":")}) {
    fs::remove(record);
    fs::create_symlink(text, record);
    const Status cloned = storage_->Clone("b1", "b2");
    ASSERT_FALSE(cloned);
    EXPECT_EQ(cloned.error().reason(), "STORE_LAYERS") << text;
  }
  // A layer that leads elsewhere.
  fs::create_directory_symlink("/etc", StorePath() + "/layers/stolen");
  fs::remove(record);
  fs::create_symlink("stolen", record);
  ASSERT_EQ(::umount2(storage_->Path("b1")->c_str(), 0), 0);
  EXPECT_FALSE(storage_->Mount("b1"));
}

}  // namespace
}  // namespace prism::branching

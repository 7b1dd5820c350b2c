#include "branching/storage/staged_copy.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/testing/temp_directory.h"
#include "branching/storage/testing/file_trees.h"

namespace prism::branching::internal {
namespace {

namespace fs = std::filesystem;
using branching::testing::Describe;
using branching::testing::MakeSampleTree;
using branching::testing::ReadFile;
using branching::testing::WriteFile;

class StagedCopyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MakeSampleTree(from_);
    fs::create_directory(to_);
  }

  // What a copy keeps: sockets are not of it, nor the times of directories.
  static std::map<std::string, std::string> Contents(const std::string& path) {
    std::map<std::string, std::string> contents;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
      if (entry.is_socket() || entry.is_fifo()) continue;
      const std::string name = entry.path().lexically_relative(path).string();
      contents[name] = entry.is_symlink()        ? entry.path().string().substr(path.size())
                       : entry.is_regular_file() ? ReadFile(entry.path().string())
                                                 : "directory";
    }
    return contents;
  }

  base::testing::TempDirectory directory_;
  const std::string from_ = directory_.File("from");
  const std::string to_ = directory_.File("to");
  const TransferWatch watch_;
  StagedCopy copy_{from_, to_, {.method = FileMethod::kCopy, .watch = watch_}};
};

TEST_F(StagedCopyTest, WhatNobodyChangesIsCopiedOnce) {
  ASSERT_TRUE(copy_.Begin());
  const auto begun = Contents(to_);
  ASSERT_TRUE(copy_.Finish());
  EXPECT_EQ(Contents(to_), begun);
  EXPECT_EQ(Contents(to_), Contents(from_));
}

TEST_F(StagedCopyTest, WhatChangesMeanwhileIsAsItWasAtTheEnd) {
  for (const char* name : {"changed", "appended", "removed", "renamed", "turned", "d/inner"}) {
    WriteFile(from_ + "/" + name, "before");
  }
  fs::create_directories(from_ + "/gone/deep");
  WriteFile(from_ + "/gone/deep/file", "before");
  ASSERT_TRUE(copy_.Begin());
  // As many bytes, within the tick that times of files have.
  WriteFile(from_ + "/changed", "behind");
  WriteFile(from_ + "/appended", "before and after");
  WriteFile(from_ + "/d/new", "new");
  fs::remove(from_ + "/removed");
  fs::rename(from_ + "/renamed", from_ + "/named");
  fs::remove(from_ + "/turned");
  WriteFile(from_ + "/turned/into/a/directory", "new");
  fs::remove_all(from_ + "/gone");
  ASSERT_TRUE(copy_.Finish());
  EXPECT_EQ(Contents(to_), Contents(from_));
  EXPECT_EQ(ReadFile(to_ + "/changed"), "behind");
}

// A file that took the place of another has its own times.
TEST_F(StagedCopyTest, AnOldFileUnderAnotherNameIsSeen) {
  WriteFile(from_ + "/one", "1");
  WriteFile(from_ + "/two", "2");
  ASSERT_TRUE(copy_.Begin());
  fs::rename(from_ + "/two", from_ + "/one");
  ASSERT_TRUE(copy_.Finish());
  EXPECT_EQ(Contents(to_), Contents(from_));
}

}  // namespace
}  // namespace prism::branching::internal

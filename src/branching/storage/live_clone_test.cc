// Clones of files that were written to meanwhile, byte for byte.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "base/testing/rounds.h"
#include "base/unique_fd.h"
#include "branching/storage/file_extents.h"
#include "branching/storage/staged_copy.h"
#include "branching/storage/testing/file_trees.h"
#include "branching/storage/testing/loop_file_system.h"

namespace prism::branching::internal {
namespace {

namespace fs = std::filesystem;
using branching::testing::LoopFileSystem;
using branching::testing::ReadFile;
using branching::testing::UseOwnMounts;
using branching::testing::WriteFile;

constexpr std::size_t kBlock = 4096;
constexpr std::size_t kBytes = std::size_t{2} << 20;

// A file with what a server does to it, and more.
class Victim {
 public:
  Victim(std::string path, unsigned seed) : path_(std::move(path)), random_(seed) {
    WriteFile(path_, std::string(kBytes, 'x'));
    file_.reset(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
  }

  const std::string& path() const { return path_; }

  // Blocks of their own for every other page, once somebody shares the file.
  void Scatter() {
    for (std::size_t offset = 0; offset < kBytes; offset += 2 * kBlock) Write(offset, kBlock);
    ::fsync(file_.get());
  }

  void ChangeAtRandom() {
    for (unsigned left = Below(12); left > 0; --left) ChangeOnce();
  }

 private:
  // Not all file systems can do all of it; then it is as it was.
  void ChangeOnce() {
    const std::size_t offset = Below(Size() + kBlock);
    const std::size_t block = offset / kBlock * kBlock;
    const std::size_t blocks = (1 + Below(8)) * kBlock;
    switch (Below(16)) {
      case 0:
        return Resize(offset);
      case 1:
        return Resize(block);
      case 2:
        return Allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, 1 + Below(30'000));
      case 3:
        return Allocate(FALLOC_FL_ZERO_RANGE, offset, 1 + Below(30'000));
      case 4:
        return Allocate(FALLOC_FL_COLLAPSE_RANGE, block, blocks);
      case 5:
        return Allocate(FALLOC_FL_INSERT_RANGE, block, blocks);
      case 6:  // as a server makes a file larger
        return Allocate(0, Size(), blocks);
      case 7:
        return Allocate(FALLOC_FL_KEEP_SIZE, Size(), blocks);
      case 8:
        return CloneInside(block, Below(kBytes) / kBlock * kBlock, blocks);
      case 9:
        return static_cast<void>(::fsync(file_.get()));
      case 10:
        return Write(Size(), 1 + Below(20'000));
      case 11:
        return Write(offset, 1 + Below(20'000));
      default:
        return Write(block, kBlock);
    }
  }

  void Write(std::size_t offset, std::size_t size) {
    const std::string bytes(size, static_cast<char>('A' + Below(26)));
    ASSERT_EQ(::pwrite(file_.get(), bytes.data(), size, static_cast<off_t>(offset)),
              static_cast<ssize_t>(size));
  }
  void Resize(std::size_t size) {
    ASSERT_EQ(::ftruncate(file_.get(), static_cast<off_t>(size)), 0);
    if (size < kBytes / 2) Write(size, kBytes - size);  // to have something to change
  }
  void Allocate(int mode, std::size_t offset, std::size_t size) {
    ::fallocate(file_.get(), mode, static_cast<off_t>(offset), static_cast<off_t>(size));
  }
  void CloneInside(std::size_t from, std::size_t to, std::size_t size) {
    file_clone_range request = {};
    request.src_fd = file_.get();
    request.src_offset = from;
    request.src_length = size;
    request.dest_offset = to;
    ::ioctl(file_.get(), FICLONERANGE, &request);
  }

  std::size_t Size() const {
    struct stat status = {};
    ::fstat(file_.get(), &status);
    return static_cast<std::size_t>(status.st_size);
  }
  unsigned Below(std::size_t bound) { return static_cast<unsigned>(random_() % bound); }

  const std::string path_;
  base::UniqueFd file_;
  std::mt19937 random_;
};

ino_t Inode(const std::string& path) {
  struct stat status = {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0);
  return status.st_ino;
}

// Where the first difference is, for people.
std::string Difference(const std::string& left, const std::string& right) {
  if (left == right) return {};
  std::size_t at = 0;
  while (at < left.size() && at < right.size() && left[at] == right[at]) ++at;
  return fmt::format("byte {} of {} and {}", at, left.size(), right.size());
}

class LiveCloneTest : public ::testing::TestWithParam<std::string_view> {
 protected:
  void SetUp() override {
    const Status own = UseOwnMounts();
    ASSERT_TRUE(own) << own.error().ToString();
    auto made = LoopFileSystem::Make(std::string(GetParam()), 512);
    ASSERT_TRUE(made) << made.error().ToString();
    file_system_ = *std::move(made);
    fs::create_directory(From());
  }

  std::string From() const { return file_system_->path() + "/from"; }
  std::string To(int number) const {
    return fmt::format("{}/to-{}", file_system_->path(), number % kCopies);
  }
  // Older copies share blocks with the source too.
  StagedCopy NextCopy(int number) const {
    fs::remove_all(To(number));
    fs::create_directory(To(number));
    return {From(), To(number), {.method = FileMethod::kClone, .watch = watch_}};
  }

  static constexpr int kCopies = 3;
  std::unique_ptr<LoopFileSystem> file_system_;
  const TransferWatch watch_;
};

TEST_P(LiveCloneTest, StressWhateverIsWrittenMeanwhileIsInTheCopy) {
  const std::int64_t rounds = base::Rounds(80, 5000);
  Victim first(From() + "/first", 1);
  Victim second(From() + "/second", 2);
  int changed = 0;
  for (int round = 0; round < rounds; ++round) {
    StagedCopy copy = NextCopy(round);
    ASSERT_TRUE(copy.Begin());
    if (round % 10 == 0) first.Scatter();
    const ino_t clone = Inode(To(round) + "/first");
    first.ChangeAtRandom();
    second.ChangeAtRandom();
    const Status finished = copy.Finish();
    ASSERT_TRUE(finished) << finished.error().ToString();
    for (const char* name : {"/first", "/second"}) {
      ASSERT_EQ(Difference(ReadFile(From() + name), ReadFile(To(round) + name)), "")
          << name << ", round " << round;
    }
    changed += Inode(To(round) + "/first") == clone ? 1 : 0;
  }
  // btrfs says where something is before it is there.
  if (GetParam() == "xfs") {
    EXPECT_GT(changed, rounds / 2);
  }
}

// Its clone is changed, while others go with their directory.
TEST_P(LiveCloneTest, AFileThatMovedIntoAnotherDirectoryOfTheSameNameIsInTheCopy) {
  fs::create_directories(From() + "/d/deep");
  Victim victim(From() + "/d/deep/file", 1);
  ASSERT_TRUE(NextCopy(0).Begin());
  victim.Scatter();
  StagedCopy copy = NextCopy(1);
  ASSERT_TRUE(copy.Begin());
  fs::rename(From() + "/d", From() + "/old");
  fs::create_directory(From() + "/d");
  fs::rename(From() + "/old/deep", From() + "/d/deep");
  victim.Scatter();
  const Status finished = copy.Finish();
  ASSERT_TRUE(finished) << finished.error().ToString();
  EXPECT_EQ(Difference(ReadFile(victim.path()), ReadFile(To(1) + "/d/deep/file")), "");
  EXPECT_TRUE(fs::is_empty(To(1) + "/old"));
}

// It reads as zeros, whatever its blocks hold.
TEST_P(LiveCloneTest, WhatWasNeverWrittenIsInNoKnownPlace) {
  const std::string path = From() + "/file";
  const base::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::fallocate(file.get(), 0, 0, 64 * kBlock), 0);
  ASSERT_EQ(::pwrite(file.get(), "x", 1, 16 * kBlock), 1);
  FileExtents extents;
  ASSERT_EQ(ReadExtents(file.get(), extents), 0);
  ASSERT_EQ(extents.size(), 3);
  EXPECT_EQ(extents[0].place, FileExtent::kUnknown);
  EXPECT_NE(extents[1].place, FileExtent::kUnknown);
  EXPECT_EQ(extents[1].begin, 16 * kBlock);
  EXPECT_EQ(extents[2].place, FileExtent::kUnknown);
}

// What it is cloned in pieces of.
TEST_P(LiveCloneTest, AFileOfSeveralPiecesIsInTheCopy) {
  constexpr std::size_t kPieces = std::size_t{40} << 20;
  for (const std::size_t size : {kPieces, kPieces + 1, std::size_t{32} << 20}) {
    std::string contents(size, 'x');
    for (std::size_t i = 0; i < size; i += kBlock) {
      contents[i] = static_cast<char>('A' + i / kBlock % 23);
    }
    WriteFile(From() + "/file", contents);
    StagedCopy copy = NextCopy(0);
    ASSERT_TRUE(copy.Begin());
    EXPECT_EQ(Difference(contents, ReadFile(To(0) + "/file")), "");
  }
}

INSTANTIATE_TEST_SUITE_P(FileSystems, LiveCloneTest, ::testing::Values("xfs", "btrfs"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace prism::branching::internal

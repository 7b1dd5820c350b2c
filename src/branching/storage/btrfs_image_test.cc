#include "branching/storage/btrfs_image.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <random>
#include <string>

#include "base/testing/rounds.h"
#include "base/testing/temp_directory.h"
#include "branching/storage/btrfs_driver.h"
#include "branching/storage/loop_device.h"
#include "branching/storage/storage.h"
#include "branching/storage/testing/file_trees.h"
#include "branching/storage/testing/loop_file_system.h"

namespace prism::branching {
namespace {

namespace fs = std::filesystem;

std::string ReasonOf(const Status& status) {
  return status ? "OK" : std::string(status.error().reason());
}

class BtrfsImageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const Status own = testing::UseOwnMounts();
    ASSERT_TRUE(own) << own.error().ToString();
  }
  void TearDown() override { ::umount2(image_.mount_point.c_str(), MNT_DETACH); }

  bool Attached() const {
    struct stat status = {};
    if (::stat(image_.file.c_str(), &status) != 0) return false;
    return internal::FindLoop(status)->has_value();
  }

  base::testing::TempDirectory directory_;
  BtrfsImage image_ = {.file = directory_.File("data/store.btrfs"),
                       .mount_point = directory_.File("data/store"),
                       .bytes = std::uint64_t{300} << 20,
                       .owner = {4321, 4322}};
};

TEST_F(BtrfsImageTest, IsMadeMountedUnmountedAndMountedAgain) {
  EXPECT_FALSE(*IsBtrfsImageMounted(image_));
  const Status made = MountBtrfsImage(image_);
  ASSERT_TRUE(made) << made.error().ToString();
  EXPECT_TRUE(*IsBtrfsImageMounted(image_));
  EXPECT_EQ(ReasonOf(MountBtrfsImage(image_)), "OK");

  struct stat root = {};
  struct stat file = {};
  ASSERT_EQ(::stat(image_.mount_point.c_str(), &root), 0);
  ASSERT_EQ(::stat(image_.file.c_str(), &file), 0);
  EXPECT_EQ(root.st_uid, 4321U);
  EXPECT_EQ(root.st_mode & 0777, 0700U);
  EXPECT_EQ(file.st_mode & 0777, 0600U);
  EXPECT_LT(file.st_blocks * 512, 32 << 20) << "the image is not sparse";

  testing::WriteFile(image_.mount_point + "/kept", "k");
  ASSERT_EQ(ReasonOf(UnmountBtrfsImage(image_)), "OK");
  EXPECT_EQ(ReasonOf(UnmountBtrfsImage(image_)), "OK");
  EXPECT_FALSE(Attached());
  EXPECT_FALSE(fs::exists(image_.mount_point + "/kept"));

  image_.bytes = 0;  // of no interest any more
  ASSERT_EQ(ReasonOf(MountBtrfsImage(image_)), "OK");
  EXPECT_EQ(testing::ReadFile(image_.mount_point + "/kept"), "k");
}

TEST_F(BtrfsImageTest, HoldsAStoreOfItsOwner) {
  ASSERT_EQ(ReasonOf(MountBtrfsImage(image_)), "OK");
  testing::WriteFile(directory_.File("source/file"), "f");
  auto storage = Storage::Open({.directory = image_.mount_point, .owner = image_.owner},
                               std::make_unique<BtrfsDriver>());
  ASSERT_TRUE(storage) << storage.error().ToString();
  ASSERT_EQ(ReasonOf((*storage)->Import(directory_.File("source"), "base")), "OK");
  ASSERT_EQ(ReasonOf((*storage)->Clone("base", "b1")), "OK");
  EXPECT_EQ(ReasonOf(UnmountBtrfsImage(image_)), "STORE_BUSY");
  storage->reset();
  EXPECT_EQ(ReasonOf(UnmountBtrfsImage(image_)), "OK");
}

TEST_F(BtrfsImageTest, GrowsWhileItIsUsed) {
  ASSERT_EQ(ReasonOf(MountBtrfsImage(image_)), "OK");
  testing::WriteFile(image_.mount_point + "/kept", "k");
  const int used = ::open((image_.mount_point + "/kept").c_str(), O_RDWR);
  const auto capacity = [this] { return fs::space(image_.mount_point).capacity >> 20; };
  EXPECT_EQ(capacity(), 300U);
  image_.bytes = std::uint64_t{500} << 20;
  const Status grown = GrowBtrfsImage(image_);
  ASSERT_TRUE(grown) << grown.error().ToString();
  EXPECT_EQ(capacity(), 500U);
  image_.bytes = std::uint64_t{400} << 20;
  EXPECT_EQ(ReasonOf(GrowBtrfsImage(image_)), "OK");
  EXPECT_EQ(capacity(), 500U) << "it never becomes smaller";
  image_.bytes = std::uint64_t{1} << 60;
  EXPECT_EQ(ReasonOf(GrowBtrfsImage(image_)), "STORE_IMAGE_SIZE");
  // Of a process that was killed after its first step.
  image_.bytes = std::uint64_t{600} << 20;
  fs::resize_file(image_.file, image_.bytes);
  EXPECT_EQ(capacity(), 500U);
  EXPECT_EQ(ReasonOf(GrowBtrfsImage(image_)), "OK");
  EXPECT_EQ(capacity(), 600U);
  ::close(used);
  ASSERT_EQ(ReasonOf(UnmountBtrfsImage(image_)), "OK");
  ASSERT_EQ(ReasonOf(MountBtrfsImage(image_)), "OK");
  EXPECT_EQ(capacity(), 600U);
  EXPECT_EQ(testing::ReadFile(image_.mount_point + "/kept"), "k");
}

TEST_F(BtrfsImageTest, NeedsRootOnlyWhereSomethingIsMissing) {
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0711), 0);
  const auto as_user = [&] {
    const pid_t child = ::fork();
    if (child == 0) {
      if (::setuid(4321) != 0) ::_exit(2);
      const Status status = MountBtrfsImage(image_);
      ::_exit(status ? 0 : status.error().reason() == "STORE_NEEDS_ROOT" ? 1 : 3);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
  };
  EXPECT_EQ(as_user(), 1);
  ASSERT_EQ(ReasonOf(MountBtrfsImage(image_)), "OK");
  EXPECT_EQ(as_user(), 0);
}

TEST_F(BtrfsImageTest, RefusesWhatIsNotItsOwn) {
  BtrfsImage small = image_;
  small.bytes = BtrfsImage::kMinimumBytes - 1;
  EXPECT_EQ(ReasonOf(MountBtrfsImage(small)), "STORE_IMAGE_SIZE");
  small.bytes = std::uint64_t{1} << 60;
  EXPECT_EQ(ReasonOf(MountBtrfsImage(small)), "STORE_IMAGE_SIZE");
  EXPECT_FALSE(fs::exists(small.file));

  testing::WriteFile(image_.file, std::string(1 << 20, 'x'));
  EXPECT_EQ(ReasonOf(MountBtrfsImage(image_)), "STORE_IMAGE_FOREIGN");
  EXPECT_EQ(testing::ReadFile(image_.file), std::string(1 << 20, 'x'));
  fs::remove(image_.file);

  testing::WriteFile(image_.mount_point + "/file", "f");
  EXPECT_EQ(ReasonOf(MountBtrfsImage(image_)), "STORE_MOUNT_POINT_TAKEN");
  fs::remove(image_.mount_point + "/file");
  ASSERT_EQ(::mount("none", image_.mount_point.c_str(), "tmpfs", 0, nullptr), 0);
  EXPECT_EQ(ReasonOf(MountBtrfsImage(image_)), "STORE_MOUNT_POINT_TAKEN");
  EXPECT_EQ(ReasonOf(UnmountBtrfsImage(image_)), "STORE_MOUNT_POINT_TAKEN");
  ASSERT_EQ(::umount(image_.mount_point.c_str()), 0);
  EXPECT_EQ(ReasonOf(MountBtrfsImage(image_)), "OK");
}

TEST_F(BtrfsImageTest, UsesTheDeviceThatSomebodyAttached) {
  ASSERT_EQ(ReasonOf(MountBtrfsImage(image_)), "OK");
  ASSERT_EQ(ReasonOf(UnmountBtrfsImage(image_)), "OK");
  const auto device = internal::AttachLoop(image_.file);
  ASSERT_TRUE(device) << device.error().ToString();
  ASSERT_EQ(ReasonOf(MountBtrfsImage(image_)), "OK");
  struct stat status = {};
  ASSERT_EQ(::stat(image_.file.c_str(), &status), 0);
  EXPECT_EQ(*internal::FindLoop(status), device->path);
}

TEST_F(BtrfsImageTest, IsMadeByOneProcessAtATime) {
  fs::create_directories(directory_.File("data"));
  const int fd = ::open(directory_.File("data").c_str(), O_RDONLY);
  ASSERT_EQ(::flock(fd, LOCK_EX), 0);
  EXPECT_EQ(ReasonOf(MountBtrfsImage(image_)), "STORE_LOCKED");
  ::close(fd);
  EXPECT_EQ(ReasonOf(MountBtrfsImage(image_)), "OK");
}

TEST_F(BtrfsImageTest, GoesOnAfterAKillAtAnyStep) {
  std::mt19937 random(1);
  std::uniform_int_distribution<long> nanoseconds(0, 80'000'000);
  const std::int64_t rounds = base::Rounds(15, 150);
  for (std::int64_t round = 0; round < rounds; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const bool done = MountBtrfsImage(image_) && UnmountBtrfsImage(image_) &&
                        fs::remove(image_.file) && MountBtrfsImage(image_);
      ::_exit(done ? 0 : 1);
    }
    pollfd ended = {static_cast<int>(::syscall(SYS_pidfd_open, child, 0)), POLLIN, 0};
    const timespec after = {0, nanoseconds(random)};
    ::ppoll(&ended, 1, &after, nullptr);
    ::close(ended.fd);
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) || status == 0) << status;

    const Status mounted = MountBtrfsImage(image_);
    ASSERT_TRUE(mounted) << mounted.error().ToString() << " in round " << round;
    testing::WriteFile(image_.mount_point + "/file", "f");
    ASSERT_EQ(ReasonOf(UnmountBtrfsImage(image_)), "OK");
    EXPECT_FALSE(Attached());
    // Half of an image goes when the next one is made.
    if (round % 2 == 0) fs::remove(image_.file);
  }
  fs::remove(image_.file);
  ASSERT_EQ(ReasonOf(MountBtrfsImage(image_)), "OK");
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_.File("data")), {}), 2);
}

}  // namespace
}  // namespace prism::branching

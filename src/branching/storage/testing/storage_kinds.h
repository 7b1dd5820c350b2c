// For tests: each driver on a file system that it is for.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>

#include "base/testing/temp_directory.h"
#include "branching/storage/probe.h"
#include "branching/storage/storage.h"
#include "branching/storage/testing/loop_file_system.h"

namespace prism::branching::testing {

struct StorageKind {
  std::string name;
  std::string driver;
  std::string file_system;  // empty: whatever the temporary directory is on
};

inline void PrintTo(const StorageKind& kind, std::ostream* out) { *out << kind.name; }

inline auto AllStorageKinds() {
  return ::testing::Values(StorageKind{"Btrfs", "btrfs", "btrfs"}, StorageKind{"Zfs", "zfs", "zfs"},
                           StorageKind{"ReflinkOnXfs", "reflink", "xfs"},
                           StorageKind{"ReflinkOnBtrfs", "reflink", "btrfs"},
                           StorageKind{"OverlayOnExt4", "overlay", "ext4"},
                           StorageKind{"OverlayOnXfs", "overlay", "xfs"},
                           StorageKind{"Copy", "copy", ""});
}

// A store on a fresh file system of the kind, and a directory beside it on the same one.
class StorageTest : public ::testing::TestWithParam<StorageKind> {
 protected:
  static constexpr VolumeOwner kOwner = {4321, 4322};

  void SetUp() override { ASSERT_NO_FATAL_FAILURE(UseFileSystem(320)); }

  void UseFileSystem(std::uint64_t megabytes) {
    file_system_.reset();
    if (!GetParam().file_system.empty()) {
      const Status own = UseOwnMounts();
      ASSERT_TRUE(own) << own.error().ToString();
      auto made = LoopFileSystem::Make(GetParam().file_system, megabytes);
      ASSERT_TRUE(made) << made.error().ToString();
      file_system_ = *std::move(made);
    }
    root_ = file_system_ ? file_system_->path() : directory_.path();
  }

  std::unique_ptr<Storage> Open() const {
    auto storage = Storage::Open({.directory = StorePath(), .owner = kOwner},
                                 *MakeDriver(GetParam().driver, nullptr));
    EXPECT_TRUE(storage) << storage.error().ToString();
    return storage ? *std::move(storage) : nullptr;
  }

  std::string StorePath() const { return root_ + "/store"; }
  std::string Source() const { return root_ + "/source"; }

  base::testing::TempDirectory directory_;
  std::unique_ptr<LoopFileSystem> file_system_;
  std::string root_;
};

}  // namespace prism::branching::testing

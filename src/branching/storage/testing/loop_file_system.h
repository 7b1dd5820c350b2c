// For tests: file systems of their own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "base/testing/temp_directory.h"
#include "branching/storage/testing/zfs_daemon.h"

namespace prism::branching::testing {

// The calling thread and those that it starts from now on have mounts of their own, which go with
// them however they end. Needs root.
Status UseOwnMounts();

// A sparse image with a file system, mounted for the threads above. Nothing outlives the process:
// the image has no name any more, and the loop device goes with the mount.
class LoopFileSystem {
 public:
  // `type`: btrfs, ext4, xfs, which needs 300 MiB, or zfs.
  static Result<std::unique_ptr<LoopFileSystem>> Make(const std::string& type,
                                                      std::uint64_t megabytes);
  LoopFileSystem(const LoopFileSystem&) = delete;
  LoopFileSystem& operator=(const LoopFileSystem&) = delete;
  ~LoopFileSystem();

  const std::string& path() const { return mount_point_; }

 private:
  LoopFileSystem() = default;

  base::testing::TempDirectory directory_;
  std::string mount_point_ = directory_.File("mounted");
  std::unique_ptr<ZfsDaemon> daemon_;  // of zfs
};

}  // namespace prism::branching::testing

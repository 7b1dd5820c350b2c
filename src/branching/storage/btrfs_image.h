// A btrfs file system in a sparse file, for machines that have none: what `prism branch init`
// makes.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "branching/storage/driver.h"

namespace prism::branching {

struct BtrfsImage {
  // Below it, mkfs.btrfs goes wrong or leaves no room.
  static constexpr std::uint64_t kMinimumBytes = std::uint64_t{256} << 20;

  std::string file;
  std::string mount_point;
  std::uint64_t bytes = 0;  // of an image that is not there yet; no more than the disk has free
  VolumeOwner owner;        // of the root directory, private
};

// Makes what is missing of: the image, its loop device, the mount point, the mount. So it is for
// the first time, for each start of the machine, and for another try after one that was killed.
// Blocks: a second the first time.
//
// PERMISSION_DENIED/STORE_NEEDS_ROOT when something is missing and we are not root. Else
// FAILED_PRECONDITION: STORE_IMAGE_SIZE, STORE_IMAGE_FOREIGN (the file is no btrfs),
// STORE_MOUNT_POINT_TAKEN (it is not empty, or something else is mounted there), STORE_LOCKED
// (another process is doing this), STORE_NO_MKFS (btrfs-progs is not installed), STORE_MKFS.
Status MountBtrfsImage(const BtrfsImage& image);

// Makes the file system in a mounted image as large as `image.bytes`, whoever is using it; nothing
// when it is larger. What a killed process began, the same call finishes.
//
// PERMISSION_DENIED/STORE_NEEDS_ROOT, FAILED_PRECONDITION: STORE_IMAGE_SIZE when the disk has not
// so much, STORE_LOCKED as above.
Status GrowBtrfsImage(const BtrfsImage& image);

// Whether the image is mounted there; STORE_MOUNT_POINT_TAKEN when something else is. Needs no
// root.
Result<bool> IsBtrfsImageMounted(const BtrfsImage& image);

// OK when it is not mounted. The loop device goes with it. FAILED_PRECONDITION/STORE_BUSY.
Status UnmountBtrfsImage(const BtrfsImage& image);

}  // namespace prism::branching

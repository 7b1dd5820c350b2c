#include "branching/storage/mount_point.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>

#include "branching/storage/store_error.h"

namespace prism::branching::internal {

Error MountBusy(const std::string& directory) {
  return Error(Code::kFailedPrecondition, "STORE_BUSY",
               fmt::format("{} is in use: stop the server that runs in it, and what else has it "
                           "open.",
                           directory));
}

Result<bool> IsMountPoint(const std::string& directory) {
  struct statx status = {};
  if (::statx(AT_FDCWD, directory.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &status) !=
      0) {
    if (errno == ENOENT) return false;
    return std::unexpected(StoreError(errno, fmt::format("look at {}", directory)));
  }
  return (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

Status Unmount(const std::string& directory, UnmountMode mode) {
  const int flags = UMOUNT_NOFOLLOW | (mode == UnmountMode::kWhoUsesItKeepsIt ? MNT_DETACH : 0);
  for (;;) {
    TRY_ASSIGN(const bool mounted, IsMountPoint(directory));
    if (!mounted) return {};
    if (::umount2(directory.c_str(), flags) == 0) continue;
    if (errno == EBUSY) return std::unexpected(MountBusy(directory));
    return std::unexpected(StoreError(errno, fmt::format("unmount {}", directory)));
  }
}

}  // namespace prism::branching::internal

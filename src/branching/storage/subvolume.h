// btrfs and its subvolumes by ioctl(2).
#pragma once

#include <string>

#include "base/status.h"

namespace prism::branching::internal {

// All answer 0 or errno.
int MakeSubvolume(const std::string& path);
// `to` becomes a writable snapshot of the subvolume `from`. EINVAL: `from` is none; EXDEV: another
// file system.
int SnapshotSubvolume(const std::string& from, const std::string& to);
int MakeSubvolumeReadOnly(const std::string& path);
// Gives up a subvolume that has no other ones inside; its space comes back in the background.
// EPERM: the file system is mounted without user_subvol_rm_allowed and we are not root.
int RemoveSubvolume(const std::string& path);

// The file system that is mounted there takes all of its device, which has grown. Needs root.
int FillDevice(const std::string& mount_point);

bool IsSubvolume(const std::string& path);
// FAILED_PRECONDITION/STORE_NESTED_SUBVOLUME: a snapshot would have empty directories there.
Status CheckNoneInside(const std::string& path);

}  // namespace prism::branching::internal

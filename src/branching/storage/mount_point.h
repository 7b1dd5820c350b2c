// What is mounted on a directory of a volume.
#pragma once

#include <string>

#include "base/status.h"

namespace prism::branching::internal {

// FAILED_PRECONDITION/STORE_BUSY: the mount on the directory is used.
Error MountBusy(const std::string& directory);

Result<bool> IsMountPoint(const std::string& directory);

enum class UnmountMode { kRefuseIfUsed, kWhoUsesItKeepsIt };

// Takes off what is mounted on the directory, all of it. FAILED_PRECONDITION/STORE_BUSY.
Status Unmount(const std::string& directory, UnmountMode mode);

}  // namespace prism::branching::internal

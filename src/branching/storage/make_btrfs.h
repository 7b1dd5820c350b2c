#pragma once

#include <string>

#include "base/status.h"

namespace prism::branching::internal {

// Runs mkfs.btrfs on a file of ours; metadata once, as the file system below keeps it safe.
// FAILED_PRECONDITION/STORE_NO_MKFS, FAILED_PRECONDITION/STORE_MKFS with what the program said.
Status MakeBtrfs(const std::string& file);

}  // namespace prism::branching::internal

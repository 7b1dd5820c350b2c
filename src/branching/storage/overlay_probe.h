// Whether overlayfs works on a file system.
#pragma once

#include <string>

#include "base/status.h"

namespace prism::branching::internal {

// Mounts one of empty directories in the directory, nowhere, and renames a directory of its lower
// layer. What is made for that is gone afterwards, also what a killed process has left of it.
// PERMISSION_DENIED/STORE_DENIED, or what was in the way.
Status TryOverlay(const std::string& directory);

}  // namespace prism::branching::internal

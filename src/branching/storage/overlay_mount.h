// Mounts of overlayfs, by fsopen(2): there is nothing to see, and nothing to clear away, before a
// mount is whole.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace prism::branching::internal {

// Open directories; O_PATH is enough.
struct OverlayParts {
  std::string name;                   // for people, in /proc/mounts
  std::vector<base::UniqueFd> lower;  // the topmost first
  base::UniqueFd upper;               // where writes go; none: read-only
  base::UniqueFd work;                // with `upper`, empty, on the same file system
};

// A mount that is nowhere yet, and ends with its descriptor. PERMISSION_DENIED/STORE_DENIED
// (without root), FAILED_PRECONDITION/STORE_BUSY (another mount writes to the upper directory),
// STORE_IO with what the kernel said.
Result<base::UniqueFd> MakeOverlay(const OverlayParts& parts);

// Puts the mount on the directory.
Status AttachMount(const base::UniqueFd& mount, const std::string& directory);

}  // namespace prism::branching::internal

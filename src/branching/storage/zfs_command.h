#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace prism::branching::internal {

// Runs the program `zfs`, without a shell, and returns what it printed. It goes on when we are
// killed, and has `lock` open until it ends: a lock of that descriptor lasts as long.
//
// FAILED_PRECONDITION/STORE_NO_ZFS (there is no such program), FAILED_PRECONDITION/STORE_BUSY,
// RESOURCE_EXHAUSTED/DISK_FULL, PERMISSION_DENIED/STORE_DENIED; NOT_FOUND, ALREADY_EXISTS and
// FAILED_PRECONDITION/STORE_ZFS. All of them say what the program said.
Result<std::string> RunZfs(const base::UniqueFd& lock, const std::vector<std::string>& arguments);

}  // namespace prism::branching::internal

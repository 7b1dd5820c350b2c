// Who may log in to a server, and what proves it.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "branching/branches/journal.h"

namespace prism::branching {

// Asks the server behind the unix socket as `superuser`. Blocks, at most some seconds.
// FAILED_PRECONDITION/ROLES_UNREADABLE.
Result<std::vector<StoredRole>> ReadStoredRoles(const std::string& socket_path,
                                                const std::string& superuser);

}  // namespace prism::branching

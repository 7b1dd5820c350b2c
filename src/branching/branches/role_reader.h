// What is asked of a server before clients are let in: who may log in, and what proves it.
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

// The first session in a database reads its catalogues, for all that follow: some 6 ms. Asks once
// in each of the first `kWarmDatabases` of them. Blocks, and fails as the above.
inline constexpr int kWarmDatabases = 4;
Status WarmDatabases(const std::string& socket_path, const std::string& superuser);

}  // namespace prism::branching

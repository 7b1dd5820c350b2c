// The superuser of a cluster of ours.
#pragma once

#include <string>

#include "base/status.h"

namespace prism::branching {

// Asks the server behind the unix socket as `as`, a superuser. Gives the role its password, and
// makes it when it is not there; with an empty password it must be there, and keeps its own.
// FAILED_PRECONDITION: SUPERUSER_MISSING, SUPERUSER_NOT_MADE with what the server said. Blocks, at
// most some seconds.
Status EnsureSuperuser(const std::string& socket_path, const std::string& as,
                       const std::string& role, const std::string& password);

// Whether the role is there and has a password. As above.
Result<bool> HasPassword(const std::string& socket_path, const std::string& role);

}  // namespace prism::branching

// Who the servers and the files of branches belong to.
#pragma once

#include <string>

#include "base/status.h"
#include "branching/instances/sandbox.h"

namespace prism::app {

// The user of that name or number; of none: this process's, or, when that is root, postgres, or
// nobody. NOT_FOUND/USER_NOT_FOUND. Not beside another call: it asks the system's list of users.
Result<branching::InstanceUser> ChooseBranchUser(const std::string& name);

// The name of whom a file or directory belongs to. Empty: root, or nobody whom this machine knows,
// or nothing is there. Not beside another call, as above.
std::string OwnerOf(const std::string& path);

}  // namespace prism::app

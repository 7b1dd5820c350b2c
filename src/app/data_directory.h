// Whose the data directory is when Prism gives up root.
#pragma once

#include <string>

#include "base/status.h"
#include "branching/instances/sandbox.h"

namespace prism::app {

// Makes the data directory, with what branches have in it, and gives it to the user; for root.
// FAILED_PRECONDITION/DATA_DIR_OWNER: root, or somebody else, has worked in it; BRANCH_DIRECTORY.
Status GiveDataDirectory(const std::string& data_dir, branching::InstanceUser user,
                         const std::string& name);

// Whether this process can work there, whose user has that name.
// FAILED_PRECONDITION/DATA_DIR_UNREACHABLE.
Status CheckDataDirectory(const std::string& data_dir, const std::string& user);

}  // namespace prism::app

// The data directory of a managed source, before its server runs.
#pragma once

#include <string>

#include "base/status.h"
#include "branching/instances/data_directory.h"
#include "branching/instances/sandbox.h"

namespace prism::branching {

// All of it blocks; what the system refuses is MANAGED_DIRECTORY.

// Whether a new cluster is to be made: the directory is not there, or there is nothing in it.
Result<bool> IsToBeMade(const std::string& directory);

// An empty directory beside it that belongs to the user, for initdb. What a killed process left
// there goes.
Result<std::string> MakeWorkDirectory(const std::string& directory, InstanceUser user);

// The finished one gets its name: whole, or not at all.
Status GiveName(const std::string& work_directory, const std::string& directory);

// One that can be run as it is. FAILED_PRECONDITION: SOURCE_IS_STANDBY, SOURCE_OWNER, and those of
// ReadDataDirectory and CheckLinks.
Result<DataDirectory> ReadManagedDirectory(const std::string& directory, InstanceUser user);

// A password for who makes a cluster: that in the file, or a new one in a new file that nobody else
// may read.
Result<std::string> KeepPassword(const std::string& file);
// That in the file; empty: there is none.
std::string ReadPassword(const std::string& file);

}  // namespace prism::branching

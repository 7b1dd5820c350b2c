// Whether the roles of sources can log in, as a journal knows them.
#pragma once

#include <vector>

#include "base/status.h"
#include "branching/doctor/finding.h"
#include "sqlite/connection.h"

namespace prism::branching {

// One finding for each source that has a state: by the newest of them. Blocks.
Result<std::vector<Finding>> CheckRecordedLogins(sqlite::Connection& journal);

}  // namespace prism::branching

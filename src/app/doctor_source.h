// What the doctor says of the sources of branches.
#pragma once

#include <vector>

#include "base/status.h"
#include "branching/branches/journal.h"
#include "branching/doctor/finding.h"
#include "branching/instances/postgres_binaries.h"
#include "namespaces/branching_config.h"

namespace prism::app {

// Looks at it and changes nothing. Blocks. `servers`: those that were found, one of which it needs;
// nullptr: not known.
branching::Finding CheckSource(const namespaces::BranchSourceConfig& source,
                               const branching::PostgresServers* servers);

// A note for each source that has some.
std::vector<branching::Finding> CheckCollations(
    const std::vector<branching::CollationChange>& changes);

}  // namespace prism::app

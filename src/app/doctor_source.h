// What the doctor says of the source of branches.
#pragma once

#include "app/branching_settings.h"
#include "base/status.h"
#include "branching/doctor/finding.h"
#include "branching/instances/postgres_binaries.h"

namespace prism::app {

// Looks at it and changes nothing. Blocks. `servers`: those that were found, one of which it needs;
// nullptr: not known.
branching::Finding CheckSource(const BranchingSettings& settings,
                               const branching::PostgresServers* servers);

}  // namespace prism::app

// What the doctor says of the source of branches.
#pragma once

#include "app/branching_settings.h"
#include "base/status.h"
#include "branching/doctor/finding.h"
#include "branching/instances/postgres_binaries.h"

namespace prism::app {

// Looks at it and changes nothing. Blocks. `servers`: those that were found, which may be the
// reason why it can't be used.
branching::Finding CheckSource(const BranchingSettings& settings,
                               const Result<branching::PostgresServers>& servers);

}  // namespace prism::app

// What branches need of the machine, looked at one by one. Each blocks, and changes nothing that
// stays.
#pragma once

#include <string>
#include <vector>

#include "app/branching_settings.h"
#include "app/settings.h"
#include "base/status.h"
#include "branching/doctor/finding.h"
#include "branching/instances/postgres_binaries.h"
#include "branching/instances/sandbox.h"
#include "runtime/shard.h"

namespace prism::app {

// Error: nothing of that kind can be had; the same as a finding.
branching::Finding Unwell(std::string about, const Error& error);

// Which servers there are.
branching::Finding CheckPostgres(const Result<branching::PostgresServers>& servers);
// Whether servers can run in containers.
branching::Finding CheckDocker(const BranchingSettings& settings);
// Who Prism and its servers are.
branching::Finding CheckUser(const ServerSettings& settings, const branching::InstanceUser& user);
// Whether servers can be walled in.
std::vector<branching::Finding> CheckWalls(const branching::InstanceUser& user);
// Whether servers can be limited in memory and processes by a Prism that is started as this process
// was: by trying, which may leave an empty cgroup.
std::vector<branching::Finding> CheckLimits(const ServerSettings& settings,
                                            const branching::InstanceUser& user);
// Where branches keep their data, what they cost there, and how much space is left below and above
// a file system in a file.
std::vector<branching::Finding> CheckStoreDirectory(const BranchingSettings& settings,
                                                    const branching::InstanceUser& user);

}  // namespace prism::app

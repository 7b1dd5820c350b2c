// What branches are made of, by its configuration.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "branching/branches/source.h"
#include "branching/branches/workshop.h"
#include "branching/instances/postgres_programs.h"
#include "branching/instances/sandbox.h"
#include "namespaces/branching_config.h"
#include "runtime/shard.h"

namespace prism::app {

// What a source is made with, and outlives it.
struct BranchSourceParts {
  runtime::Shard& home;  // of the branches
  branching::Workshop& workshop;
  const branching::PostgresPrograms& programs;
  branching::InstanceUser user;  // that servers run as
  std::string directory;         // ours
};

// Resolves its paths and its password; what is behind them is looked at later. NOT_FOUND/
// BRANCH_SOURCE, and the errors of security::ResolveSecrets. Blocks.
Result<std::unique_ptr<branching::Source>> MakeBranchSource(
    const namespaces::BranchSourceConfig& config, const BranchSourceParts& parts);

}  // namespace prism::app

// What branches are made of, by the configuration or by whoever has added it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

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
  bool docker = false;           // servers run in containers
};

// Resolves its paths and its password; what is behind them is looked at later. NOT_FOUND/
// BRANCH_SOURCE, and the errors of security::ResolveSecrets. Blocks.
Result<std::unique_ptr<branching::Source>> MakeBranchSource(
    const namespaces::BranchSourceConfig& config, const BranchSourceParts& parts);

// The same of one that was added. FAILED_PRECONDITION/SOURCE_KIND_UNAVAILABLE: in containers there
// are templates alone.
Result<std::unique_ptr<branching::Source>> MakeAddedSource(const branching::AddedSource& added,
                                                           const BranchSourceParts& parts);

// "template", "dump" or "managed", and back.
std::string_view KindName(namespaces::BranchSourceConfig::Kind kind);
namespaces::BranchSourceConfig ConfigOf(const branching::AddedSource& added);

}  // namespace prism::app

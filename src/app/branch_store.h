// Where branches keep their data, with the best that the file system can do.
#pragma once

#include <memory>
#include <string>

#include "app/branching_settings.h"
#include "base/status.h"
#include "branching/storage/storage.h"
#include "runtime/blocking_pool.h"
#include "telemetry/log.h"

namespace prism::app {

// Makes the directory and what is above it; its path without links. With what the system said,
// BRANCH_DIRECTORY.
Result<std::string> MakeBranchDirectory(const std::string& path);

// Probes the file system, makes a btrfs image where nothing can clone parts of files and we
// are root, and opens
// the store; what that costs is a warning when branches are full copies. Blocks: a second the first
// time. `helpers` outlives the store. Errors of MountBtrfsImage (of an image that is there) and
// MakeBranchDirectory and Storage::Open.
Result<std::unique_ptr<branching::Storage>> OpenBranchStore(const BranchingSettings& settings,
                                                            const branching::VolumeOwner& owner,
                                                            runtime::BlockingPool* helpers,
                                                            telemetry::Logger& log);

}  // namespace prism::app

// Where branches keep their data, with the best that the file system can do.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "app/branching_settings.h"
#include "base/status.h"
#include "branching/storage/storage.h"
#include "runtime/blocking_pool.h"
#include "telemetry/log.h"

namespace prism::app {

struct Unprivileged;

// Makes the directory and what is above it; its path without links. With what the system said,
// BRANCH_DIRECTORY.
Result<std::string> MakeBranchDirectory(const std::string& path);

// A place for a store.
struct BranchStore {
  std::string path;
  std::string driver = {};             // the best one that can be had there
  std::string image = {};              // the file that is mounted there; empty: none
  std::optional<Error> no_image = {};  // why not, although that would be better
};

// Probes the file system; mounts the image that is there, or makes one of at most so many bytes
// where nothing can clone parts of files and the path is free. Blocks: a second the first time.
// Errors of MakeBranchDirectory and, of an image that is there, MountBtrfsImage.
Result<BranchStore> PrepareBranchStore(const std::string& path, std::uint64_t image_bytes,
                                       const branching::VolumeOwner& owner);

// Makes the image of a store that is there larger, so that it has `bytes`, or what the disk can
// give; whoever is using it goes on. How large it is then; nothing when the store has none. Errors
// of GrowBtrfsImage.
Result<std::optional<std::uint64_t>> GrowBranchStore(const BranchStore& store, std::uint64_t bytes,
                                                     const branching::VolumeOwner& owner);

// What PrepareBranchStore would find, without making or mounting anything; an empty path when there
// is none yet. FAILED_PRECONDITION/STORE_NOT_MOUNTED when its image is there and not mounted.
Result<BranchStore> FindBranchStore(const std::string& path, const branching::VolumeOwner& owner);

// As PrepareBranchStore, or what was prepared before this process became unprivileged, and opens
// the store; what that costs is a warning when branches are full copies. `helpers` and
// `unprivileged` (may be null) outlive the store. Errors of PrepareBranchStore and Storage::Open.
Result<std::unique_ptr<branching::Storage>> OpenBranchStore(const BranchingSettings& settings,
                                                            const branching::VolumeOwner& owner,
                                                            runtime::BlockingPool* helpers,
                                                            const Unprivileged* unprivileged,
                                                            telemetry::Logger& log);

}  // namespace prism::app

// Datasets of ZFS, as the program `zfs` shows and changes them. `lock` is that of RunZfs, whose
// errors these calls have too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace prism::branching::internal {

// A file system (`pool/name`) or a snapshot of one (`pool/name@snapshot`).
struct Dataset {
  std::string name;
  std::string origin;            // the snapshot that it is a clone of; empty: none
  std::uint64_t used = 0;        // bytes, without what it shares with its origin
  std::uint64_t referenced = 0;  // bytes, with that
};

// The file system that the directory is on. FAILED_PRECONDITION/STORE_DRIVER_UNSUITABLE when that
// is none of ZFS.
Result<std::string> DatasetOf(const std::string& directory);

// All that there is in a file system, itself included.
Result<std::vector<Dataset>> ListDatasets(const base::UniqueFd& lock, const std::string& parent);

// Null: there is none.
const Dataset* FindDataset(const std::vector<Dataset>& all, const std::string& name);

// Those of a list that are snapshots of the file system.
std::vector<Dataset> SnapshotsOf(const std::vector<Dataset>& all, const std::string& name);

// The clone of one of these snapshots, of the last that has one; null: none has.
const Dataset* LastClone(const std::vector<Dataset>& all, const std::vector<Dataset>& snapshots);

// Removes the file system `parent`/`name`, which is not mounted, with its snapshots, and the
// snapshots called `name` that others in `parent` have. What clones share with it goes to them. OK
// when it is not there. A clone that comes or goes meanwhile fails it, once.
Status DestroyDataset(const base::UniqueFd& lock, const std::string& parent,
                      const std::string& name);

}  // namespace prism::branching::internal

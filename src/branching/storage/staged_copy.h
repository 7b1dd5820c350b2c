// A copy of a tree that is in use: most of it meanwhile, the rest while it stands still.
#pragma once

#include <ctime>
#include <string>

#include "base/status.h"
#include "branching/storage/tree.h"

namespace prism::branching::internal {

// What was written to the source's files by write(2) and the like, whenever, is in the copy after
// Finish; of memory mapped files the kernel tells too late. Clones of large files get only what has
// changed since. Life cycle: Begin, Finish, destroy.
class StagedCopy {
 public:
  // `to` is empty.
  StagedCopy(std::string from, std::string to, const CopyOptions& options)
      : from_(std::move(from)), to_(std::move(to)), options_(options) {}

  Status Begin();
  // Nobody writes to the source before this returns.
  Status Finish();

 private:
  // Since Begin has looked at it.
  bool IsUnchanged(const TreeEntry& before, const TreeEntry& now) const;
  // What Finish would take long to clone again.
  Status ReadClones();
  bool CanChange(const TreeEntry& before, const TreeEntry& now) const;
  Status RemoveStale(const std::vector<const TreeEntry*>& stale) const;

  const std::string from_;
  const std::string to_;
  const CopyOptions options_;
  timespec settled_ = {};  // what changed later may have changed after Begin
  Tree before_;
  ExtentsByPath cloned_;  // of the copy
};

}  // namespace prism::branching::internal

// The contents of one file into another.
#pragma once

#include <cstdint>

#include "branching/storage/file_extents.h"
#include "branching/storage/transfer.h"
#include "branching/storage/tree.h"

namespace prism::branching::internal {

// `to` is empty and open for writing, `size` what `from` has. 0 or errno; cancellation is for the
// caller to see in `transfer`, ECANCELED here.
int CopyContents(FileMethod method, int from, int to, std::uint64_t size, Transfer& transfer);

// Whether CloneChanges pays for a clone that is open for reading: no if a few extents are all it
// has. If so, what it has.
bool IsWorthChanging(int clone, std::uint64_t size, FileExtents& extents);

// Makes `to`, a clone of what `from` was once, one of what it is now. `to` is open for writing, and
// its extents are `cloned`; nobody writes to either. `size` and the answer as above.
int CloneChanges(int from, int to, const FileExtents& cloned, std::uint64_t size,
                 Transfer& transfer);

}  // namespace prism::branching::internal

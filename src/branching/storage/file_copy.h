// The contents of one file into another.
#pragma once

#include <cstdint>

#include "branching/storage/transfer.h"
#include "branching/storage/tree.h"

namespace prism::branching::internal {

// `to` is empty and open for writing, `size` what `from` has. 0 or errno; cancellation is for the
// caller to see in `transfer`, ECANCELED here.
int CopyContents(FileMethod method, int from, int to, std::uint64_t size, Transfer& transfer);

}  // namespace prism::branching::internal

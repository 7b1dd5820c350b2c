// Puts right what can be put right without the source.
#pragma once

#include "branching/branches/workshop.h"
#include "runtime/task.h"

namespace prism::branching {

// What a start of the server does about leftovers and losses (recovery.h), and ends servers whose
// volumes the journal does not name. Volumes that it does not name stay. Nobody else works with the
// store. On a shard.
runtime::Task<Status> Mend(Workshop* workshop);

}  // namespace prism::branching

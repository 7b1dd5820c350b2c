// What the journal says beside what there is.
#pragma once

#include <vector>

#include "branching/doctor/finding.h"
#include "branching/doctor/recorded_volumes.h"
#include "branching/doctor/what_is_there.h"

namespace prism::branching {

// What does not agree; nothing when all of it does. `in_use`: somebody works with both at the
// moment, so that what is unfinished is no leftover.
std::vector<Finding> Compare(const std::vector<RecordedVolume>& recorded, const WhatIsThere& there,
                             bool in_use);

}  // namespace prism::branching

// What is left of root.
#pragma once

#include <span>

#include "base/status.h"

namespace prism::branching::internal {

// This process and all that it starts have these capabilities (CAP_*) at most, for good. Before
// other threads start. PRIVILEGED_CAPABILITIES.
Status KeepCapabilities(std::span<const int> kept);

}  // namespace prism::branching::internal

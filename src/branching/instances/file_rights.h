// Whose rights count when this thread names a file.
#pragma once

#include "branching/instances/sandbox.h"

namespace prism::branching {

// From now on those of the user, of this thread alone, which stays root otherwise and loses its
// groups: links and directories that he could exchange lead nowhere that he could not go himself.
// False when that is refused. System calls only.
bool TakeFileRights(InstanceUser user) noexcept;

// Those of root again.
void ReturnFileRights() noexcept;

}  // namespace prism::branching

// What the helper starts.
#pragma once

#include <span>

#include "base/status.h"
#include "base/unique_fd.h"
#include "branching/instances/launcher.h"
#include "branching/privileged/helper.pb.h"
#include "runtime/spawn.h"

namespace prism::branching::internal {

// The descriptors that come with the request, beside the one for the answer.
std::size_t DescriptorsOf(const privileged::Launch& launch);

// Starts what a request asks for, that ReadRequest has taken; `fds` are as many as DescriptorsOf
// says. INVALID_ARGUMENT/PRIVILEGED_REQUEST about descriptors; errors of Launcher::Launch. Blocks.
Result<runtime::Spawned> LaunchFor(const privileged::Launch& launch,
                                   std::span<const base::UniqueFd> fds, const Launcher& launcher);

}  // namespace prism::branching::internal

// A copy of a running server's data replays the log since its last checkpoint.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace prism::branching {

// Replaying more than this takes longer than a checkpoint.
inline constexpr std::int64_t kReplayBytes = 4 << 20;

// Asks the server behind the unix socket for a checkpoint when more than kReplayBytes were logged
// since the last one. Blocks, at most 10 s. UNAVAILABLE/CHECKPOINT_FAILED: a copy is as right, and
// starts later.
Status CheckpointWhenFar(const std::string& socket_path, const std::string& superuser);

}  // namespace prism::branching

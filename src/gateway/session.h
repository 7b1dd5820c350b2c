// The token that carries what a client has written to where it reads (consistency `causal`).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"

namespace prism::gateway {

inline constexpr std::string_view kSessionHeader = "prism-session";
inline constexpr std::size_t kMaxSessionBytes = 128;

// Names a write that was acknowledged at this time: "1.19a2f04c6d1", opaque to clients. The
// backends that there are give every read all acknowledged writes, so that a token which is well
// formed is satisfied already; one that reads from replicas will compare it with their positions.
std::string SessionToken(WallMillis acknowledged);

// What a read brings along. INVALID_ARGUMENT/SESSION_MALFORMED.
Status CheckSession(std::string_view token);

}  // namespace prism::gateway

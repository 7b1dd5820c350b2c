// What Redis says when it refuses, in our vocabulary: the one place that knows its errors.
#pragma once

#include <string_view>

#include "base/status.h"

namespace prism::backends {

// Of the text of an error reply, without its '-'. The message is ours alone: Redis quotes keys,
// values and users in its own. Metadata: "redis", the first word of what it said, when that is a
// word of Redis ("WRONGTYPE"). Errors that can go away by themselves say when to retry.
Error RedisError(std::string_view text);

// The login was refused: other credentials, or a new connection with them, may help.
inline constexpr std::string_view kLoginRefused = "BACKEND_LOGIN_REFUSED";
bool IsLoginRefused(const Error& error);
// EVALSHA of a script that the server does not have (any more).
inline constexpr std::string_view kScriptMissing = "BACKEND_SCRIPT_MISSING";

// A request has ended without an answer. Metadata "executed": "no" when it has not left, "maybe"
// otherwise.
enum class Executed : bool { kNo, kMaybe };
Error BackendUnavailable(const Error& cause, Executed executed);
Error BackendDeadline(const Error* cause, Executed executed);
Error BackendOverloaded(std::string_view what);
Error ShuttingDown();

}  // namespace prism::backends

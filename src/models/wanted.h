// Whether somebody still waits for a call.
#pragma once

#include "base/status.h"
#include "contract/call_context.h"
#include "runtime/cancel.h"

namespace prism::models {

// CANCELLED, DEADLINE_EXCEEDED (also for kNone, the deadline that nobody has noticed yet) or
// UNAVAILABLE: why work was dropped before it was done.
Error UnwantedError(runtime::CancelReason reason);

// Between two pieces of a long work: the error above when nobody waits for the call any more.
Status CheckWanted(contract::CallContext& ctx);

}  // namespace prism::models

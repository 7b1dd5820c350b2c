#include "models/wanted.h"

namespace prism::models {

Error UnwantedError(runtime::CancelReason reason) {
  switch (reason) {
    case runtime::CancelReason::kClientGone:
      return Error(Code::kCancelled, "CALL_CANCELLED",
                   "The client cancelled before the work was done.");
    case runtime::CancelReason::kShutdown:
    case runtime::CancelReason::kReconfigured:
      return Error(Code::kUnavailable, "SHUTTING_DOWN",
                   "The server stopped before the work was done. Send it again.");
    case runtime::CancelReason::kNone:
    case runtime::CancelReason::kDeadline:
      break;
  }
  return Error(
      Code::kDeadlineExceeded, "DEADLINE_EXCEEDED",
      "The deadline passed before the work was done. Allow more time, or send less at once.");
}

Status CheckWanted(contract::CallContext& ctx) {
  const auto& cancel = ctx.cancel();
  if (cancel.cancelled()) return std::unexpected(UnwantedError(cancel.reason()));
  if (ctx.deadline != 0 && MonotonicNow() >= ctx.deadline) {
    return std::unexpected(UnwantedError(runtime::CancelReason::kDeadline));
  }
  return {};
}

}  // namespace prism::models

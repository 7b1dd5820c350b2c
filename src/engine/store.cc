#include "engine/store.h"

namespace prism::engine {

void StoreWork::Drop() {
  switch (cancelled_.load(std::memory_order_relaxed)) {
    case runtime::CancelReason::kClientGone:
      return Fail(Error(Code::kCancelled, "CALL_CANCELLED",
                        "The client cancelled before the store began; nothing was changed."));
    case runtime::CancelReason::kShutdown:
    case runtime::CancelReason::kReconfigured:
      return Fail(
          Error(Code::kUnavailable, "SHUTTING_DOWN",
                "The server stopped before the store began; nothing was changed. Send it again."));
    case runtime::CancelReason::kNone:
    case runtime::CancelReason::kDeadline:
      return Fail(
          Error(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED",
                "The deadline passed before the store began; nothing was changed. Allow more time, "
                "or send less at once."));
  }
}

}  // namespace prism::engine

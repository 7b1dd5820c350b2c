#include "backends/redis/redis_call.h"

#include "backends/redis/redis_connection.h"
#include "runtime/wait.h"

namespace prism::backends {
namespace {

RequestEnd EndOf(runtime::CancelReason reason) {
  switch (reason) {
    case runtime::CancelReason::kDeadline:
      return RequestEnd::kDeadline;
    case runtime::CancelReason::kShutdown:
      return RequestEnd::kStopped;
    default:
      return RequestEnd::kCancelled;
  }
}

Error ErrorOf(RequestEnd end, Executed executed, const Error* trouble) {
  switch (end) {
    case RequestEnd::kDeadline:
      return BackendDeadline(executed == Executed::kNo ? trouble : nullptr, executed);
    case RequestEnd::kStopped:
      return ShuttingDown();
    default:
      return Error(Code::kCancelled, "CANCELLED", "nobody waits for the answer any more");
  }
}

}  // namespace

bool RedisCall::await_suspend(std::coroutine_handle<> caller) {
  caller_ = caller;
  if (cancel_ != nullptr && cancel_->cancelled()) {
    status_ =
        std::unexpected(ErrorOf(EndOf(cancel_->reason()), Executed::kNo, connection_.trouble()));
    return false;
  }
  status_ = connection_.Add(*this, login_);
  if (!status_) return false;
  if (deadline_ != runtime::kNoDeadline) connection_.shard().ArmTimerAt(*this, deadline_);
  if (cancel_ != nullptr) cancel_->Register(*this);
  return true;
}

void RedisCall::GiveUp(runtime::CancelReason reason) {
  const RequestEnd end = EndOf(reason);
  const Executed executed = connection_.Forget(*this, end);
  Finish(std::unexpected(ErrorOf(end, executed, connection_.trouble())));
}

void RedisCall::OnEnd(Status status) { Finish(std::move(status)); }

// Taken out of timer and source, so that nothing else can finish it.
void RedisCall::Finish(Status status) {
  status_ = std::move(status);
  Timer::Disarm();
  CancelCallback::Unlink();
  connection_.shard().Post(*this);
}

}  // namespace prism::backends

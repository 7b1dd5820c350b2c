#include "branching/proxy/gate.h"

#include <utility>

namespace prism::branching {

void Gate::Open() {
  answer_.reset();
  decided_.Set();
}

void Gate::Close() {
  answer_.reset();
  decided_.Reset();
}

void Gate::TurnAway(Error answer) {
  answer_ = std::move(answer);
  decided_.Set();
}

runtime::Task<Status> Gate::Pass(runtime::CancelSource* cancel) {
  const runtime::WaitResult result = co_await decided_.For(runtime::kNoDeadline, cancel);
  if (result != runtime::WaitResult::kReady) {
    co_return std::unexpected(Error(Code::kCancelled, "CANCELLED", "nobody waits any more"));
  }
  if (answer_) co_return std::unexpected(*answer_);
  co_return Status();
}

}  // namespace prism::branching

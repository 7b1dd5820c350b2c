#include "backends/driver/lane_hop.h"

namespace prism::backends {

void LaneHop::await_suspend(std::coroutine_handle<> caller) {
  caller_ = caller;
  there_.Post(arrive_);
  if (cancel_ == nullptr) return;
  if (cancel_->cancelled()) {
    OnCancel(cancel_->reason());
  } else {
    cancel_->Register(*this);
  }
}

// Messages from here arrive in order: the guest has begun when it is cancelled.
void LaneHop::OnCancel(runtime::CancelReason reason) {
  reason_ = reason;
  ++outstanding_;
  there_.Post(cancelled_);
}

void LaneHop::CancelThere() {
  cancel_there_.Cancel(reason_);
  here_.Post(cancel_done_);
}

void LaneHop::ComeBack() {
  CancelCallback::Unlink();
  if (--outstanding_ == 0) caller_.resume();
}

void LaneHop::CancelCameBack() {
  if (--outstanding_ == 0) caller_.resume();
}

}  // namespace prism::backends

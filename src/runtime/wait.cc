#include "runtime/wait.h"

#include "base/check.h"

namespace prism::runtime {

bool Wait::await_ready() {
  if (event_ != nullptr && event_->set()) return true;
  if (cancel_ == nullptr || !cancel_->cancelled()) return false;
  result_ = WaitResult::kCancelled;
  return true;
}

void Wait::await_suspend(std::coroutine_handle<> caller) {
  caller_ = caller;
  if (deadline_ != kNoDeadline) shard_.ArmTimerAt(*this, deadline_);
  if (cancel_ != nullptr) cancel_->Register(*this);
  if (event_ != nullptr) event_->Link(*this);
}

void Wait::Finish(WaitResult result) {
  result_ = result;
  Timer::Disarm();
  CancelCallback::Unlink();
  if (event_ != nullptr) event_->Unlink(*this);
  shard_.Post(*this);
}

Event::~Event() { PRISM_CHECK(head_ == nullptr, "an Event is destroyed only when nobody waits"); }

void Event::Set() {
  set_ = true;
  while (head_ != nullptr) head_->Finish(WaitResult::kReady);
}

void Event::Link(Wait& wait) {
  wait.prev_ = tail_;
  (tail_ != nullptr ? tail_->next_ : head_) = &wait;
  tail_ = &wait;
}

void Event::Unlink(Wait& wait) {
  (wait.prev_ != nullptr ? wait.prev_->next_ : head_) = wait.next_;
  (wait.next_ != nullptr ? wait.next_->prev_ : tail_) = wait.prev_;
  wait.next_ = nullptr;
  wait.prev_ = nullptr;
}

}  // namespace prism::runtime

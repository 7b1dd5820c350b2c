#include "runtime/cancel.h"

namespace prism::runtime {

void CancelCallback::Unlink() {
  if (source_ == nullptr) return;
  (prev_ != nullptr ? prev_->next_ : source_->head_) = next_;
  (next_ != nullptr ? next_->prev_ : source_->tail_) = prev_;
  next_ = nullptr;
  prev_ = nullptr;
  source_ = nullptr;
}

CancelSource::~CancelSource() {
  while (head_ != nullptr) head_->Unlink();
  if (destroyed_ != nullptr) *destroyed_ = true;
}

void CancelSource::Cancel(CancelReason reason) {
  if (cancelled() || reason == CancelReason::kNone) return;
  reason_ = reason;
  // A callback may end the call that owns this source.
  bool destroyed = false;
  destroyed_ = &destroyed;
  while (head_ != nullptr) {
    CancelCallback& first = *head_;
    first.Unlink();
    first.OnCancel(reason);
    if (destroyed) return;
  }
  destroyed_ = nullptr;
}

void CancelSource::Register(CancelCallback& callback) {
  if (cancelled()) return;
  callback.Unlink();
  callback.source_ = this;
  callback.prev_ = tail_;
  callback.next_ = nullptr;
  (tail_ != nullptr ? tail_->next_ : head_) = &callback;
  tail_ = &callback;
}

void CancelSource::Reset() {
  while (head_ != nullptr) head_->Unlink();
  reason_ = CancelReason::kNone;
}

}  // namespace prism::runtime

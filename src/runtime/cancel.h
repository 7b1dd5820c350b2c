// Cancellation inside one shard: a CancelSource says "nobody wants the answer any more", waits that
// registered a callback end early with CANCELLED or DEADLINE_EXCEEDED.
#pragma once

#include <cstdint>

namespace prism::runtime {

enum class CancelReason : std::uint8_t { kNone, kClientGone, kDeadline, kShutdown, kReconfigured };

class CancelSource;

// An intrusive registration: while it is linked, OnCancel runs once when the source fires. Unlinks
// itself when destroyed. Used by awaiters, which live in coroutine frames: no allocation.
class CancelCallback {
 public:
  CancelCallback() = default;
  CancelCallback(const CancelCallback&) = delete;
  CancelCallback& operator=(const CancelCallback&) = delete;
  virtual ~CancelCallback() { Unlink(); }

  virtual void OnCancel(CancelReason reason) = 0;
  void Unlink();

 private:
  friend class CancelSource;
  CancelCallback* next_ = nullptr;
  CancelCallback* prev_ = nullptr;
  CancelSource* source_ = nullptr;
};

// Shard thread only. Fires at most once until Reset. May be destroyed by a callback that it runs.
class CancelSource {
 public:
  CancelSource() = default;
  CancelSource(const CancelSource&) = delete;
  CancelSource& operator=(const CancelSource&) = delete;
  ~CancelSource();

  bool cancelled() const { return reason_ != CancelReason::kNone; }
  CancelReason reason() const { return reason_; }

  // Runs the callbacks in order of registration; each is unlinked before it runs. Does nothing when
  // the source has fired already.
  void Cancel(CancelReason reason);
  // Links the callback. When the source has fired already the callback is not linked and not run:
  // check cancelled() first.
  void Register(CancelCallback& callback);
  // Unlinks all callbacks and forgets the reason, for an owner that reuses the source. Not in a
  // callback.
  void Reset();

 private:
  friend class CancelCallback;
  CancelCallback* head_ = nullptr;
  CancelCallback* tail_ = nullptr;
  CancelReason reason_ = CancelReason::kNone;
  bool* destroyed_ = nullptr;  // set while Cancel runs callbacks: tells it that the source has gone
};

}  // namespace prism::runtime

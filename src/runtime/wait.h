// Waits of a coroutine on its shard that end by whichever comes first: the event, the deadline, the
// cancellation. What needs none of the three to be bounded does not belong on a shard.
#pragma once

#include <coroutine>
#include <cstdint>
#include <limits>

#include "base/clock.h"
#include "runtime/cancel.h"
#include "runtime/mailbox.h"
#include "runtime/shard.h"
#include "runtime/timer_wheel.h"

namespace prism::runtime {

enum class WaitResult : std::uint8_t { kReady, kDeadline, kCancelled };

inline constexpr MonoNanos kNoDeadline = std::numeric_limits<MonoNanos>::max();

class Event;

// The awaiter of all waits; lives in the frame of the coroutine that awaits it. The coroutine goes
// on from the loop, never inside Event::Set or CancelSource::Cancel, so that these can be called
// anywhere. Shard thread only.
class Wait final : private Timer, private CancelCallback, private MailboxItem {
 public:
  // Without an event only deadline and cancellation end it.
  Wait(Shard& shard, Event* event, MonoNanos deadline, CancelSource* cancel)
      : shard_(shard), event_(event), deadline_(deadline), cancel_(cancel) {}
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  bool await_ready();
  void await_suspend(std::coroutine_handle<> caller);
  WaitResult await_resume() const { return result_; }

 private:
  friend class Event;
  void OnTimer() override { Finish(WaitResult::kDeadline); }
  void OnCancel(CancelReason) override { Finish(WaitResult::kCancelled); }
  void Run() override { caller_.resume(); }
  // Takes the wait out of timer, source and event, so that nothing else can finish it.
  void Finish(WaitResult result);

  Shard& shard_;
  Event* event_;
  MonoNanos deadline_;
  CancelSource* cancel_;
  std::coroutine_handle<> caller_ = nullptr;
  Wait* next_ = nullptr;
  Wait* prev_ = nullptr;
  WaitResult result_ = WaitResult::kReady;
};

// Something that has happened or not. Any number of coroutines of one shard may wait for it. Shard
// thread only; nobody may wait any more when it is destroyed.
class Event {
 public:
  explicit Event(Shard& shard) : shard_(shard) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event();

  bool set() const { return set_; }
  // Continues all that wait, in the order in which they came; stays set until Reset.
  void Set();
  void Reset() { set_ = false; }

  // co_await event.For(deadline, cancel): at once when the event is set already.
  Wait For(MonoNanos deadline = kNoDeadline, CancelSource* cancel = nullptr) {
    return {shard_, this, deadline, cancel};
  }

 private:
  friend class Wait;
  void Link(Wait& wait);
  void Unlink(Wait& wait);

  Shard& shard_;
  bool set_ = false;
  Wait* head_ = nullptr;
  Wait* tail_ = nullptr;
};

// co_await SleepUntil(shard, when, cancel): true when it was cancelled before `when` (never earlier
// than that otherwise; up to 1 ms later, and more when the shard is busy).
class SleepUntil final {
 public:
  SleepUntil(Shard& shard, MonoNanos when, CancelSource* cancel)
      : wait_(shard, nullptr, when, cancel) {}
  bool await_ready() { return wait_.await_ready(); }
  void await_suspend(std::coroutine_handle<> caller) { wait_.await_suspend(caller); }
  bool await_resume() const { return wait_.await_resume() == WaitResult::kCancelled; }

 private:
  Wait wait_;
};

}  // namespace prism::runtime

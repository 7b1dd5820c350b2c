#include "runtime/timer_wheel.h"

#include <algorithm>
#include <utility>

namespace prism::runtime {
namespace {

constexpr int kSlotBits = 8;
constexpr std::int64_t kSlotMask = 255;
constexpr std::int64_t kHorizon = (std::int64_t{1} << 32) - 1;

}  // namespace

void Timer::Disarm() {
  if (wheel_ != nullptr) wheel_->Unlink(*this);
}

void TimerWheel::Arm(Timer& timer, std::int64_t due_ms) {
  timer.Disarm();
  timer.due_tick_ = std::max(due_ms, now_tick_ + 1);
  Link(timer);
}

// The level is the highest byte in which the due tick differs from now; its slot there is visited
// exactly when time reaches that byte's value.
void TimerWheel::Link(Timer& timer) {
  const std::int64_t due = std::min(timer.due_tick_, now_tick_ + kHorizon);
  int level = 0;
  while (level < kLevels - 1 &&
         (due >> (kSlotBits * (level + 1))) != (now_tick_ >> (kSlotBits * (level + 1))))
    ++level;
  const std::int64_t slot = (due >> (kSlotBits * level)) & kSlotMask;
  timer.slot_ = static_cast<std::uint16_t>(level * kSlots + slot);
  Timer*& head = slots_[timer.slot_];
  timer.wheel_ = this;
  timer.prev_ = nullptr;
  timer.next_ = head;
  if (head != nullptr) head->prev_ = &timer;
  head = &timer;
  ++armed_;
}

void TimerWheel::Unlink(Timer& timer) {
  (timer.prev_ != nullptr ? timer.prev_->next_ : slots_[timer.slot_]) = timer.next_;
  if (timer.next_ != nullptr) timer.next_->prev_ = timer.prev_;
  timer.next_ = nullptr;
  timer.prev_ = nullptr;
  timer.wheel_ = nullptr;
  --armed_;
}

// Spreads the slot of `level` that time has just entered over the levels below.
void TimerWheel::Cascade(int level) {
  const std::int64_t slot = (now_tick_ >> (kSlotBits * level)) & kSlotMask;
  Timer* timer = slots_[static_cast<std::size_t>(level * kSlots + slot)];
  while (timer != nullptr) {
    Timer& moved = *std::exchange(timer, timer->next_);
    Unlink(moved);
    Link(moved);
  }
}

int TimerWheel::Advance(std::int64_t now_ms) {
  int fired = 0;
  while (now_tick_ < now_ms) {
    if (armed_ == 0) {
      now_tick_ = now_ms;
      break;
    }
    ++now_tick_;
    for (int level = kLevels - 1; level > 0; --level) {
      if ((now_tick_ & ((std::int64_t{1} << (kSlotBits * level)) - 1)) == 0) Cascade(level);
    }
    Timer*& head = slots_[static_cast<std::size_t>(now_tick_ & kSlotMask)];
    while (head != nullptr) {
      Timer& due = *head;
      Unlink(due);
      ++fired;
      due.OnTimer();
    }
  }
  return fired;
}

std::int64_t TimerWheel::NextDelay(std::int64_t now_ms) const {
  if (armed_ == 0) return -1;
  // Within level 0 the next due slot is exact; otherwise wake when the next cascade can bring
  // timers down.
  const std::int64_t round_end = (now_tick_ | kSlotMask) + 1;
  std::int64_t tick = now_tick_ + 1;
  while (tick < round_end && slots_[static_cast<std::size_t>(tick & kSlotMask)] == nullptr) ++tick;
  return std::max<std::int64_t>(tick - now_ms, 0);
}

}  // namespace prism::runtime

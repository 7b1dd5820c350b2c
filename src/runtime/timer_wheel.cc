#include "runtime/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace prism::runtime {
namespace {

constexpr int kSlotBits = 8;
constexpr std::int64_t kSlotMask = 255;
constexpr std::int64_t kHorizon = (std::int64_t{1} << 32) - 1;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

}  // namespace

void Timer::Disarm() {
  if (wheel_ != nullptr) wheel_->Unlink(*this);
}

void TimerWheel::Arm(Timer& timer, std::int64_t due_ms) {
  timer.Disarm();
  timer.due_tick_ = due_ms;
  timer.wheel_ = this;
  ++armed_;
  if (due_ms <= now_tick_) {
    Append(timer, kOverdue);
  } else {
    Place(timer);
  }
}

// The level is the highest byte in which the due tick differs from now: its slot there is ahead of
// now's, and time enters it exactly when it reaches that byte's value.
void TimerWheel::Place(Timer& timer) {
  const std::int64_t due =
      timer.due_tick_ - now_tick_ > kHorizon ? now_tick_ + kHorizon : timer.due_tick_;
  int level = 0;
  while (level < kLevels - 1 &&
         (due >> (kSlotBits * (level + 1))) != (now_tick_ >> (kSlotBits * (level + 1)))) {
    ++level;
  }
  const std::int64_t slot = (due >> (kSlotBits * level)) & kSlotMask;
  Append(timer, static_cast<std::size_t>(level * kSlots + slot));
}

void TimerWheel::Append(Timer& timer, std::size_t slot) {
  timer.slot_ = static_cast<std::uint16_t>(slot);
  Timer*& head = lists_[slot];
  if (head == nullptr) {
    head = &timer;
    timer.next_ = &timer;
    timer.prev_ = &timer;
    if (slot < kOverdue) used_[slot / 64] |= std::uint64_t{1} << (slot % 64);
    return;
  }
  timer.next_ = head;
  timer.prev_ = head->prev_;
  head->prev_->next_ = &timer;
  head->prev_ = &timer;
}

void TimerWheel::Detach(Timer& timer) {
  const std::size_t slot = timer.slot_;
  if (timer.next_ == &timer) {
    lists_[slot] = nullptr;
    if (slot < kOverdue) used_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  } else {
    timer.prev_->next_ = timer.next_;
    timer.next_->prev_ = timer.prev_;
    if (lists_[slot] == &timer) lists_[slot] = timer.next_;
  }
}

void TimerWheel::Unlink(Timer& timer) {
  Detach(timer);
  timer.wheel_ = nullptr;
  --armed_;
}

// Spreads the slot of `level` that time has just entered over the levels below. A timer beyond the
// horizon goes to another slot of the last level, never back to the same one.
void TimerWheel::Cascade(int level) {
  const std::int64_t slot = (now_tick_ >> (kSlotBits * level)) & kSlotMask;
  while (Timer* timer = lists_[static_cast<std::size_t>(level * kSlots + slot)]) {
    Detach(*timer);
    Place(*timer);
  }
}

int TimerWheel::Fire(std::size_t slot) {
  int fired = 0;
  while (Timer* timer = lists_[slot]) {
    Unlink(*timer);
    ++fired;
    timer->OnTimer();
  }
  return fired;
}

int TimerWheel::Advance(std::int64_t now_ms) {
  // Taken aside first: what a timer arms for the past waits for the next Advance, so that a timer
  // that does so each time can't hold up the loop.
  while (Timer* timer = lists_[kOverdue]) {
    Detach(*timer);
    Append(*timer, kFiring);
  }
  int fired = Fire(kFiring);
  while (now_tick_ < now_ms) {
    const std::int64_t next = NextTick();
    if (next > now_ms) {
      now_tick_ = now_ms;
      break;
    }
    now_tick_ = next;
    for (int level = kLevels - 1; level > 0; --level) {
      if ((now_tick_ & ((std::int64_t{1} << (kSlotBits * level)) - 1)) == 0) Cascade(level);
    }
    fired += Fire(static_cast<std::size_t>(now_tick_ & kSlotMask));
  }
  return fired;
}

int TimerWheel::NextUsed(int level, int slot) const {
  constexpr int kWords = kSlots / 64;
  const int first = slot + 1;
  for (int word = first / 64; word < kWords; ++word) {
    std::uint64_t bits =
        used_[static_cast<std::size_t>(level) * kWords + static_cast<std::size_t>(word)];
    if (word == first / 64) bits &= ~std::uint64_t{0} << (first % 64);
    if (bits != 0) return word * 64 + std::countr_zero(bits);
  }
  return -1;
}

// A lower level always comes before a higher one: it lies within the higher level's current slot.
std::int64_t TimerWheel::NextTick() const {
  for (int level = 0; level < kLevels; ++level) {
    const int shift = kSlotBits * level;
    const std::int64_t round = now_tick_ >> (shift + kSlotBits) << kSlotBits;
    const int slot = static_cast<int>((now_tick_ >> shift) & kSlotMask);
    if (const int next = NextUsed(level, slot); next >= 0) return (round | next) << shift;
  }
  // Only the last level goes round: what lies behind now's slot there belongs to the next round.
  constexpr int kLast = kLevels - 1;
  constexpr int kShift = kSlotBits * kLast;
  if (const int next = NextUsed(kLast, -1); next >= 0) {
    const std::int64_t round = ((now_tick_ >> (kShift + kSlotBits)) + 1) << kSlotBits;
    return (round | next) << kShift;
  }
  return kNever;
}

std::int64_t TimerWheel::NextDelay(std::int64_t now_ms) const {
  if (armed_ == 0) return -1;
  if (lists_[kOverdue] != nullptr || lists_[kFiring] != nullptr) return 0;
  return std::max<std::int64_t>(NextTick() - now_ms, 0);
}

}  // namespace prism::runtime

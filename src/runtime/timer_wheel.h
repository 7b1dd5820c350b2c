// Timers of 1 ms resolution: arming and cancelling are O(1), so that every request can have one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace prism::runtime {

class TimerWheel;

// An intrusive timer; disarms itself when destroyed. Shard thread only.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual ~Timer() { Disarm(); }

  // The timer is disarmed already: it may arm itself again, or destroy itself.
  virtual void OnTimer() = 0;
  bool armed() const { return wheel_ != nullptr; }
  void Disarm();

 private:
  friend class TimerWheel;
  Timer* next_ = nullptr;
  Timer* prev_ = nullptr;
  TimerWheel* wheel_ = nullptr;
  std::int64_t due_tick_ = 0;
  std::uint16_t slot_ = 0;
};

// Hierarchical: 4 levels of 256 slots; what lies beyond 2^32 ms waits in the last level.
// Time is passed in (monotonic milliseconds): no clock inside, so tests drive it by hand.
class TimerWheel {
 public:
  explicit TimerWheel(std::int64_t now_ms) : now_tick_(now_ms) {}

  // Fires at the first Advance(t) with t >= due_ms that begins after this call, or in the present
  // one when due_ms is still ahead in it. Re-arms a timer that is armed. Never fires inside Arm.
  void Arm(Timer& timer, std::int64_t due_ms);
  // Runs what is due, in the order of due times; returns how many timers fired. Time that goes back
  // is taken as standing still.
  int Advance(std::int64_t now_ms);
  // Milliseconds until something may be due (an early wake is possible, a late one is not); -1:
  // nothing armed. However far away a timer is, it causes at most three early wakes.
  std::int64_t NextDelay(std::int64_t now_ms) const;
  std::size_t armed() const { return armed_; }

 private:
  friend class Timer;
  static constexpr int kLevels = 4;
  static constexpr int kSlots = 256;
  // Two lists beside the slots: armed for a time that has passed, and what Advance took from it.
  static constexpr std::size_t kOverdue = std::size_t{kLevels} * kSlots;
  static constexpr std::size_t kFiring = kOverdue + 1;
  static constexpr std::size_t kLists = kFiring + 1;

  void Place(Timer& timer);
  void Append(Timer& timer, std::size_t slot);
  void Detach(Timer& timer);  // out of its list, still armed
  void Unlink(Timer& timer);  // out of its list and disarmed
  void Cascade(int level);
  int Fire(std::size_t slot);
  // The next slot of the level after `slot` that holds timers, or -1.
  int NextUsed(int level, int slot) const;
  // The next tick at which a slot fires or cascades; only when a slot is in use.
  std::int64_t NextTick() const;

  // Each list is a ring: head->prev_ is its tail.
  std::array<Timer*, kLists> lists_{};
  // A bit for each slot that is in use, so that time jumps over the empty ones.
  std::array<std::uint64_t, kLevels * kSlots / 64> used_{};
  std::int64_t now_tick_;
  std::size_t armed_ = 0;
};

}  // namespace prism::runtime

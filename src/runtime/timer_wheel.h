// Timers of 1 ms resolution: arming and cancelling are O(1), so that every request can have one.
#pragma once

#include <array>
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

  // Fires at the first Advance(t) with t >= due_ms. Re-arms a timer that is armed. Never fires
  // inside Arm.
  void Arm(Timer& timer, std::int64_t due_ms);
  // Runs what is due; returns how many timers fired.
  int Advance(std::int64_t now_ms);
  // Milliseconds until something may be due (an early wake is possible, a late one is not); -1:
  // nothing armed.
  std::int64_t NextDelay(std::int64_t now_ms) const;
  std::size_t armed() const { return armed_; }

 private:
  friend class Timer;
  static constexpr int kLevels = 4;
  static constexpr int kSlots = 256;

  void Link(Timer& timer);
  void Unlink(Timer& timer);
  void Cascade(int level);

  std::array<Timer*, kLevels * kSlots> slots_{};
  std::int64_t now_tick_;
  std::size_t armed_ = 0;
};

}  // namespace prism::runtime

// Time as the product sees it: wall-clock milliseconds for expiry and versions (never backwards),
// monotonic nanoseconds for deadlines and latencies.
#pragma once

#include <atomic>
#include <cstdint>

namespace prism {

// Milliseconds since the Unix epoch, UTC.
using WallMillis = std::int64_t;
// Nanoseconds of CLOCK_MONOTONIC.
using MonoNanos = std::int64_t;

constexpr MonoNanos kNanosPerMilli = 1'000'000;
constexpr MonoNanos kNanosPerSecond = 1'000'000'000;

// Source of wall time for everything whose behaviour depends on it. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Never smaller than any value returned before, on any thread, even when the system clock is set
  // back.
  virtual WallMillis Now() = 0;
};

// The system clock, held at its highest value when it is set back.
class SystemClock final : public Clock {
 public:
  WallMillis Now() override;
};

// A clock that tests move by hand. Thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallMillis start) : now_(start) {}
  WallMillis Now() override { return now_.load(); }
  void Advance(WallMillis by) { now_.fetch_add(by); }

 private:
  std::atomic<WallMillis> now_;
};

// CLOCK_MONOTONIC now. Deadlines are compared with this and with nothing else.
MonoNanos MonotonicNow();

}  // namespace prism

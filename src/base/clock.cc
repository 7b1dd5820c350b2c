#include "base/clock.h"

#include <atomic>
#include <ctime>

namespace prism {
namespace {

std::int64_t Read(clockid_t id) {
  timespec t{};
  ::clock_gettime(id, &t);
  return t.tv_sec * kNanosPerSecond + t.tv_nsec;
}

// Process-wide high-water mark: two SystemClock objects must not disagree about "never backwards".
std::atomic<WallMillis> highest_wall{0};

}  // namespace

WallMillis SystemClock::Now() {
  const WallMillis now = Read(CLOCK_REALTIME) / kNanosPerMilli;
  WallMillis seen = highest_wall.load(std::memory_order_relaxed);
  while (now > seen) {
    if (highest_wall.compare_exchange_weak(seen, now, std::memory_order_relaxed)) return now;
  }
  return seen;
}

MonoNanos MonotonicNow() { return Read(CLOCK_MONOTONIC); }

}  // namespace prism

// How long a driver waits before it connects again.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace prism::backends {

// The first attempt after a loss is made at once. Before each later one passes anything up to a
// bound that doubles with every attempt (full jitter), so that instances which lost one server
// together do not come back together. The longest wait is short enough that a server which is there
// again is used within a second. One thread.
class Backoff {
 public:
  struct Bounds {
    MonoNanos first = 50 * kNanosPerMilli;
    MonoNanos longest = 500 * kNanosPerMilli;
  };

  Backoff() : Backoff(Bounds{}) {}
  explicit Backoff(Bounds bounds) : bounds_(bounds) {}

  // Nanoseconds until the next attempt. `random`: any of 2^64 values, each as likely.
  MonoNanos Next(std::uint64_t random);
  // The server has answered something.
  void Reset() { bound_ = 0; }

 private:
  Bounds bounds_;
  MonoNanos bound_ = 0;  // of the next wait
};

}  // namespace prism::backends

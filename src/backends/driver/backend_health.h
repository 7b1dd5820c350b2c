// Whether a store can be reached, and what was wrong when it last could not.
#pragma once

#include <optional>

#include "base/clock.h"
#include "base/status.h"

namespace prism::backends {

// A value; the connections of a driver each keep one on their shard. Times are those of
// MonotonicNow().
class BackendHealth {
 public:
  struct Failure {
    Error error;
    MonoNanos at;
  };

  void Worked(MonoNanos now) { last_success_ = now; }
  void Failed(Error error, MonoNanos now) { last_failure_ = Failure{std::move(error), now}; }

  // The last that is known is good. Before anything was tried: false.
  bool up() const {
    return last_success_ && (!last_failure_ || *last_success_ >= last_failure_->at);
  }
  const std::optional<MonoNanos>& last_success() const { return last_success_; }
  const std::optional<Failure>& last_failure() const { return last_failure_; }

  // The health of both together: the newest of each kind.
  void Include(const BackendHealth& other) {
    if (other.last_success_ && (!last_success_ || *other.last_success_ > *last_success_)) {
      last_success_ = other.last_success_;
    }
    if (other.last_failure_ && (!last_failure_ || other.last_failure_->at > last_failure_->at)) {
      last_failure_ = other.last_failure_;
    }
  }

 private:
  std::optional<MonoNanos> last_success_;
  std::optional<Failure> last_failure_;
};

}  // namespace prism::backends

// When a shard is overloaded, and which calls it turns away then.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace prism::gateway {

// Controlled delay: as long as some call of the last interval waited less than the target, a queue
// is only a burst. When even the smallest wait of an interval exceeds the target the queue stands,
// and calls that have waited longer than the target are turned away until it is gone.
//
// A few calls are no queue, however long they took: a shard that the system lets wait for a
// processor is as slow with one client that waits for each answer, and turning that one away helps
// nobody.
//
// Turning a call away costs almost as much as a cheap call, so it has a budget: a sixth of the time
// that the shard is busy. A shard that is flooded with cheap calls therefore goes on answering them
// (back-pressure on the connections bounds the queue), while a queue behind expensive ones is cut
// down at once. Goodput stays above five sixths of the peak whatever the load.
//
// No clock inside. Shard thread only.
class QueueDelay {
 public:
  struct Options {
    // Far above what a busy shard, or one that waits for a processor, needs for a turn.
    MonoNanos target = 100 * kNanosPerMilli;
    MonoNanos interval = 500 * kNanosPerMilli;
  };
  // What turning one call away costs, measured generously.
  static constexpr MonoNanos kShedCost = 2'000;

  // Clients that ask for one thing at a time are hardly more on one shard; and behind so few calls
  // nobody waits for long unless each of them is expensive.
  static constexpr std::uint32_t kFewCalls = 16;

  explicit QueueDelay(Options options) : options_(options) {}

  // A call begins that has waited so long, for so many calls before it; true: turn it away.
  bool ShouldShed(MonoNanos now, MonoNanos waited, std::uint32_t ahead) {
    if (now >= interval_end_) StartInterval(now);
    if (ahead < kFewCalls) waited = 0;
    if (waited < smallest_) smallest_ = waited;
    if (!standing_ || waited <= options_.target || budget_ < kShedCost) [[likely]] {
      return false;
    }
    budget_ -= kShedCost;
    return true;
  }

  // The shard was busy for so long.
  void Worked(MonoNanos busy) {
    budget_ += busy / 6;
    if (budget_ > kMaxBudget) budget_ = kMaxBudget;
  }

  bool standing() const { return standing_; }

 private:
  static constexpr MonoNanos kMaxBudget = 10 * kNanosPerMilli;
  static constexpr MonoNanos kNone = INT64_MAX;

  void StartInterval(MonoNanos now);

  Options options_;
  MonoNanos interval_end_ = 0;
  MonoNanos smallest_ = kNone;  // wait of a call in this interval
  MonoNanos budget_ = 0;
  bool standing_ = false;
};

}  // namespace prism::gateway

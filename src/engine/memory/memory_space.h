// What the model stores of one namespace in memory share: the budget, the quotas, the count of what
// is used.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "base/status.h"
#include "models/limits.h"
#include "models/memory_budget.h"

namespace prism::engine {

// What a write adds to a namespace; negative when it removes.
struct SpaceDelta {
  std::int64_t bytes = 0;  // keys, values, tags
  std::int64_t keys = 0;   // live entries
  std::int64_t overhead =
      0;  // of the data structures: counts for memory.max_bytes, not for the quota
};

// Thread-safe. Destroyed after the stores that charge it; gives back to the budget what they did
// not.
class MemorySpace {
 public:
  MemorySpace(models::MemoryBudget& budget, const models::NamespaceLimits& limits, Clock& clock)
      : budget_(budget), limits_(limits), clock_(clock) {}
  MemorySpace(const MemorySpace&) = delete;
  MemorySpace& operator=(const MemorySpace&) = delete;
  ~MemorySpace() { budget_.Release(charged_.load()); }

  // Takes the room for a change, or answers QUOTA_EXCEEDED or MEMORY_LIMIT and takes nothing. What
  // only removes or shrinks never fails.
  Status Reserve(const SpaceDelta& delta);
  // Gives back the room of one entry that was removed.
  void Release(std::size_t bytes, std::size_t overhead);

  const models::NamespaceLimits& limits() const { return limits_; }
  models::MemoryBudget& budget() { return budget_; }
  Clock& clock() { return clock_; }
  std::int64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  std::int64_t keys() const { return keys_.load(std::memory_order_relaxed); }

 private:
  Status ReserveMemory(std::int64_t bytes);

  models::MemoryBudget& budget_;
  const models::NamespaceLimits& limits_;
  Clock& clock_;
  std::atomic<std::int64_t> bytes_ = 0;
  std::atomic<std::int64_t> keys_ = 0;
  std::atomic<std::uint64_t> charged_ = 0;
};

}  // namespace prism::engine

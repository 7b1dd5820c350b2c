// memory.max_bytes: what everything that lives only in memory may take together in this process.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/status.h"

namespace prism::models {

// Counts what is charged to it, which is close to what the allocator hands out, not exactly that.
// Thread-safe. One per process, owned by app/; outlives everything that charges it.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::uint64_t max_bytes) : max_bytes_(max_bytes) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  // A quarter of the memory that this process may use: of the machine, or of its control group if
  // less.
  static std::uint64_t DefaultMaxBytes();

  // RESOURCE_EXHAUSTED/MEMORY_LIMIT when it does not fit; then nothing was charged.
  Status Charge(std::uint64_t bytes) {
    if (used_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= max_bytes_) return {};
    used_.fetch_sub(bytes, std::memory_order_relaxed);
    return Refuse();
  }
  // For what must be kept once a write has happened; bounded by the caller.
  void ChargeAnyway(std::uint64_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void Release(std::uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  std::uint64_t max_bytes() const { return max_bytes_; }

 private:
  std::unexpected<Error> Refuse() const;

  const std::uint64_t max_bytes_;
  std::atomic<std::uint64_t> used_ = 0;
};

}  // namespace prism::models

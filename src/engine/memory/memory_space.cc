#include "engine/memory/memory_space.h"

#include "models/errors.h"

namespace prism::engine {
namespace {

// Adds unless that would pass the quota; a quota of 0 is none.
bool AddWithin(std::atomic<std::int64_t>& counter, std::int64_t delta, std::uint64_t quota) {
  if (quota == 0 || delta <= 0) {
    counter.fetch_add(delta, std::memory_order_relaxed);
    return true;
  }
  std::int64_t seen = counter.load(std::memory_order_relaxed);
  do {
    if (seen + delta > static_cast<std::int64_t>(quota)) return false;
  } while (!counter.compare_exchange_weak(seen, seen + delta, std::memory_order_relaxed));
  return true;
}

}  // namespace

Status MemorySpace::Reserve(const SpaceDelta& delta) {
  const std::uint64_t max_bytes = limits_.max_bytes();
  const std::uint64_t max_keys = limits_.max_keys();
  if (!AddWithin(bytes_, delta.bytes, max_bytes)) {
    return std::unexpected(models::QuotaError("max_bytes", max_bytes));
  }
  if (!AddWithin(keys_, delta.keys, max_keys)) {
    bytes_.fetch_sub(delta.bytes, std::memory_order_relaxed);
    return std::unexpected(models::QuotaError("max_keys", max_keys));
  }
  Status reserved = ReserveMemory(delta.bytes + delta.overhead);
  if (!reserved) {
    bytes_.fetch_sub(delta.bytes, std::memory_order_relaxed);
    keys_.fetch_sub(delta.keys, std::memory_order_relaxed);
  }
  return reserved;
}

void MemorySpace::Release(std::size_t bytes, std::size_t overhead) {
  bytes_.fetch_sub(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
  keys_.fetch_sub(1, std::memory_order_relaxed);
  budget_.Release(bytes + overhead);
  charged_.fetch_sub(bytes + overhead, std::memory_order_relaxed);
}

Status MemorySpace::ReserveMemory(std::int64_t bytes) {
  if (bytes > 0) {
    TRY(budget_.Charge(static_cast<std::uint64_t>(bytes)));
    charged_.fetch_add(static_cast<std::uint64_t>(bytes), std::memory_order_relaxed);
  } else if (bytes < 0) {
    budget_.Release(static_cast<std::uint64_t>(-bytes));
    charged_.fetch_sub(static_cast<std::uint64_t>(-bytes), std::memory_order_relaxed);
  }
  return {};
}

}  // namespace prism::engine

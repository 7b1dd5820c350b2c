#include "gateway/rate_limit.h"

#include <algorithm>

namespace prism::gateway {

namespace {

constexpr std::int64_t kUnitsPerSecond = 16 * kNanosPerSecond;

}  // namespace

TokenBucket::TokenBucket(std::uint64_t rate)
    : interval_(rate == 0
                    ? 0
                    : std::max<std::int64_t>(kUnitsPerSecond / static_cast<std::int64_t>(rate), 1)),
      lease_(std::clamp<std::uint64_t>(rate / 250, 1, 64)),
      epoch_(MonotonicNow()),
      empty_at_(-kUnitsPerSecond) {}

bool TokenBucket::Take(std::uint64_t count, MonoNanos now) {
  const std::int64_t now_units = Units(now);
  const std::int64_t cost = static_cast<std::int64_t>(count) * interval_;
  std::int64_t seen = empty_at_.load(std::memory_order_relaxed);
  for (;;) {
    const std::int64_t next = std::max(seen, now_units - kUnitsPerSecond) + cost;
    if (next > now_units) return false;
    if (empty_at_.compare_exchange_weak(seen, next, std::memory_order_relaxed)) return true;
  }
}

std::chrono::milliseconds TokenBucket::UntilOne(MonoNanos now) const {
  const std::int64_t ready = empty_at_.load(std::memory_order_relaxed) + interval_;
  const std::int64_t wait = std::max<std::int64_t>(ready - Units(now), 0) / kUnitsPerNano;
  return std::chrono::milliseconds(wait / kNanosPerMilli + 1);
}

bool RateLease::Refill(TokenBucket& bucket, MonoNanos now) {
  if (bucket.Take(bucket.lease(), now)) {
    left_ = bucket.lease() - 1;
    return true;
  }
  return bucket.lease() > 1 && bucket.Take(1, now);
}

}  // namespace prism::gateway

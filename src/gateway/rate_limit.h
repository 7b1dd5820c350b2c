// A token bucket per namespace and instance, shared by the shards without a shared write per call:
// each shard leases a few tokens at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace prism::gateway {

// Holds one second's worth of tokens. Kept as one number, the time at which the bucket would be
// full again (the generic cell rate algorithm). Thread-safe.
class TokenBucket {
 public:
  // rate: tokens per second, 1..10^9; 0: no limit, and nothing else may be called.
  explicit TokenBucket(std::uint64_t rate);

  bool limited() const { return interval_ != 0; }
  // Takes `count` tokens, all or none.
  bool Take(std::uint64_t count, MonoNanos now);
  // Until one token is there.
  std::chrono::milliseconds UntilOne(MonoNanos now) const;
  // How many tokens a shard leases at once: at most what the rate gives in 4 ms, so that what lies
  // unused on a shard does not matter.
  std::uint64_t lease() const { return lease_; }

 private:
  std::int64_t Units(MonoNanos now) const { return (now - epoch_) * kUnitsPerNano; }

  // Sixteenths of a nanosecond keep the rate exact to 0.01% at a million per second and last for 18
  // years.
  static constexpr std::int64_t kUnitsPerNano = 16;

  const std::int64_t interval_;  // units a token
  const std::uint64_t lease_;
  const MonoNanos epoch_;
  std::atomic<std::int64_t> empty_at_;  // units: the tokens taken reach up to here
};

// A shard's part. Shard thread only.
class RateLease {
 public:
  // Whether the call may go on; takes its token.
  bool Take(TokenBucket& bucket, MonoNanos now) {
    if (left_ > 0) {
      --left_;
      return true;
    }
    return Refill(bucket, now);
  }

 private:
  bool Refill(TokenBucket& bucket, MonoNanos now);

  std::uint64_t left_ = 0;
};

}  // namespace prism::gateway

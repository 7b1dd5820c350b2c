// Durations counted in a fixed set of buckets: bounded, mergeable, one increment per observation.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace prism::telemetry {

// Bucket i holds what is at most 2^(i+4) microseconds: 16 us, 32 us, ... 16.8 s; the last one has
// no bound. A power of two per bucket makes the index a matter of one instruction.
// Thread rule: plain memory, one owner; a scrape copies it on the owner's thread.
class DurationHistogram {
 public:
  static constexpr std::size_t kBounds = 21;
  static constexpr std::size_t kBuckets = kBounds + 1;

  // Upper bound of bucket i < kBounds, in seconds.
  static constexpr double BoundSeconds(std::size_t i) {
    return static_cast<double>(std::uint64_t{16} << i) / 1e6;
  }

  void Observe(std::int64_t nanos) {
    const std::uint64_t value = nanos > 0 ? static_cast<std::uint64_t>(nanos) : 0;
    ++counts_[BucketOf(value)];
    sum_nanos_ += value;
  }

  void Merge(const DurationHistogram& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    sum_nanos_ += other.sum_nanos_;
  }

  std::uint64_t count(std::size_t bucket) const { return counts_[bucket]; }
  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : counts_) sum += count;
    return sum;
  }
  double sum_seconds() const { return static_cast<double>(sum_nanos_) / 1e9; }

 private:
  static std::size_t BucketOf(std::uint64_t nanos) {
    if (nanos <= 16'000) return 0;
    // Units of 16 us, rounded up: bucket i ends at 2^i of them.
    const std::uint64_t units = (nanos + 15'999) / 16'000;
    const auto bucket = static_cast<std::size_t>(std::bit_width(units - 1));
    return bucket < kBounds ? bucket : kBounds;
  }

  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t sum_nanos_ = 0;
};

}  // namespace prism::telemetry

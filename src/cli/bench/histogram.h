// A small HDR histogram: latencies in nanoseconds, 1 ns to about 18 minutes, relative error
// below 1.6%.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string>

namespace prism::cli {

// Buckets: 64 linear steps for each power of two (the layout of HdrHistogram with 6 bits of
// precision). Not thread-safe: one per load thread, merged afterwards.
class Histogram {
 public:
  void Record(std::uint64_t nanos);
  void Merge(const Histogram& other);

  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }
  double Mean() const {
    return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
  }
  // Upper bound of the bucket that holds the quantile, 0 < q <= 1; 0 when nothing was recorded.
  std::uint64_t Quantile(double q) const;

 private:
  static constexpr int kPrecisionBits = 6;
  static constexpr int kMagnitudes = 34;
  static constexpr std::size_t kBuckets = static_cast<std::size_t>(kMagnitudes + 1)
                                          << kPrecisionBits;

  static std::size_t IndexOf(std::uint64_t nanos);
  static std::uint64_t UpperBound(std::size_t index);

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace prism::cli

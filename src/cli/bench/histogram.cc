#include "cli/bench/histogram.h"

#include <algorithm>
#include <cmath>

namespace prism::cli {

// Values below 2^6 have a bucket each; above, the 6 bits behind the leading one select the step.
std::size_t Histogram::IndexOf(std::uint64_t nanos) {
  constexpr std::uint64_t kLinear = 1u << kPrecisionBits;
  if (nanos < kLinear) return nanos;
  const int magnitude = std::bit_width(nanos) - 1 - kPrecisionBits;
  const std::uint64_t step = (nanos >> magnitude) - kLinear;
  const std::size_t index = (static_cast<std::size_t>(magnitude + 1) << kPrecisionBits) + step;
  return std::min(index, kBuckets - 1);
}

std::uint64_t Histogram::UpperBound(std::size_t index) {
  constexpr std::uint64_t kLinear = 1u << kPrecisionBits;
  if (index < kLinear) return index;
  const auto magnitude = static_cast<int>(index >> kPrecisionBits) - 1;
  const std::uint64_t step = (index & (kLinear - 1)) + kLinear;
  return ((step + 1) << magnitude) - 1;
}

void Histogram::Record(std::uint64_t nanos) {
  ++buckets_[IndexOf(nanos)];
  ++count_;
  sum_ += nanos;
  max_ = std::max(max_, nanos);
}

void Histogram::Merge(const Histogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

std::uint64_t Histogram::Quantile(double q) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= wanted && seen > 0) return std::min(UpperBound(i), max_);
  }
  return max_;
}

}  // namespace prism::cli

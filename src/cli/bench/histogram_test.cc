#include "cli/bench/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace prism::cli {
namespace {

TEST(HistogramTest, EmptyAnswersZero) {
  const Histogram empty;
  EXPECT_EQ(empty.Quantile(0.99), 0u);
  EXPECT_EQ(empty.count(), 0u);
}

TEST(HistogramTest, SmallValuesAreExact) {
  Histogram h;
  for (std::uint64_t v = 1; v <= 60; ++v) h.Record(v);
  EXPECT_EQ(h.Quantile(0.5), 30u);
  EXPECT_EQ(h.Quantile(1.0), 60u);
}

TEST(HistogramTest, QuantilesStayWithinTwoPercentOfTheSortedSample) {
  std::mt19937_64 random(42);
  std::lognormal_distribution<double> latency(11, 2);
  std::vector<std::uint64_t> sample;
  Histogram h;
  for (int i = 0; i < 200'000; ++i) {
    const auto v = static_cast<std::uint64_t>(latency(random)) + 1;
    sample.push_back(v);
    h.Record(v);
  }
  std::sort(sample.begin(), sample.end());
  for (const double q : {0.01, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
    const auto exact = static_cast<double>(sample[static_cast<std::size_t>(q * 200'000) - 1]);
    EXPECT_NEAR(static_cast<double>(h.Quantile(q)), exact, exact * 0.02) << "quantile " << q;
  }
  EXPECT_EQ(h.Quantile(1.0), sample.back());
}

TEST(HistogramTest, MergeIsTheSumOfBoth) {
  Histogram a;
  Histogram b;
  for (int i = 0; i < 10; ++i) a.Record(10);
  for (int i = 0; i < 30; ++i) b.Record(50);
  a.Merge(b);
  EXPECT_EQ(a.count(), 40u);
  EXPECT_EQ(a.Quantile(0.25), 10u);
  EXPECT_EQ(a.Quantile(0.26), 50u);
  EXPECT_DOUBLE_EQ(a.Mean(), 40.0);
}

TEST(HistogramTest, BeyondTheRangeCountsInTheLastBucket) {
  Histogram h;
  h.Record(~std::uint64_t{0} >> 1);
  EXPECT_EQ(h.count(), 1u);
  EXPECT_GT(h.Quantile(0.5), std::uint64_t{1} << 39);
}

}  // namespace
}  // namespace prism::cli

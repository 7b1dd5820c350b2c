#include <gtest/gtest.h>
#include <unistd.h>

#include "telemetry/histogram.h"
#include "telemetry/process_metrics.h"
#include "telemetry/prometheus.h"

namespace prism::telemetry {
namespace {

TEST(DurationHistogramTest, PutsABoundIntoItsOwnBucket) {
  for (std::size_t i = 0; i < DurationHistogram::kBounds; ++i) {
    const auto bound = static_cast<std::int64_t>(16'000) << i;
    DurationHistogram at;
    at.Observe(bound);
    EXPECT_EQ(at.count(i), 1u) << i;
    DurationHistogram above;
    above.Observe(bound + 1);
    EXPECT_EQ(above.count(i + 1), 1u) << i;
    EXPECT_NEAR(at.sum_seconds(), DurationHistogram::BoundSeconds(i), 1e-9);
  }
}

TEST(DurationHistogramTest, TakesWhatIsOutOfRange) {
  DurationHistogram histogram;
  histogram.Observe(-5);
  histogram.Observe(0);
  histogram.Observe(3600ll * 1'000'000'000);
  EXPECT_EQ(histogram.count(0), 2u);
  EXPECT_EQ(histogram.count(DurationHistogram::kBounds), 1u);
  EXPECT_EQ(histogram.total(), 3u);
}

TEST(DurationHistogramTest, Merges) {
  DurationHistogram a;
  a.Observe(10'000);
  DurationHistogram b;
  b.Observe(10'000);
  b.Observe(1'000'000);
  a.Merge(b);
  EXPECT_EQ(a.total(), 3u);
  EXPECT_EQ(a.count(0), 2u);
  EXPECT_NEAR(a.sum_seconds(), 0.00102, 1e-9);
}

TEST(PrometheusTextTest, WritesFamiliesAndEscapes) {
  PrometheusText text;
  text.Counter("a_total", "What it is.\nTwo lines.");
  text.Sample({}, std::uint64_t{3});
  text.Sample({{"k", "quote\" slash\\ end\n"}}, 0.5);
  EXPECT_EQ(std::move(text).Take(),
            "# HELP a_total What it is.\\nTwo lines.\n"
            "# TYPE a_total counter\n"
            "a_total 3\n"
            "a_total{k=\"quote\\\" slash\\\\ end\\n\"} 0.5\n");
}

TEST(PrometheusTextTest, WritesCumulativeBuckets) {
  DurationHistogram histogram;
  histogram.Observe(10'000);
  histogram.Observe(20'000);
  PrometheusText text;
  text.Histogram("d_seconds", "Durations.");
  text.Series({{"m", "x"}}, histogram);
  const std::string out = std::move(text).Take();
  EXPECT_NE(out.find("d_seconds_bucket{m=\"x\",le=\"1.6e-05\"} 1\n"), std::string::npos) << out;
  EXPECT_NE(out.find("d_seconds_bucket{m=\"x\",le=\"3.2e-05\"} 2\n"), std::string::npos) << out;
  EXPECT_NE(out.find("d_seconds_bucket{m=\"x\",le=\"+Inf\"} 2\n"), std::string::npos) << out;
  EXPECT_NE(out.find("d_seconds_sum{m=\"x\"} 3e-05\n"), std::string::npos) << out;
  EXPECT_NE(out.find("d_seconds_count{m=\"x\"} 2\n"), std::string::npos) << out;
}

TEST(ProcessUsageTest, SeesThisProcess) {
  const ProcessUsage usage = ReadProcessUsage();
  EXPECT_GT(usage.resident_bytes, 100'000u);
  EXPECT_LE(usage.anonymous_bytes, usage.resident_bytes);
  EXPECT_GE(usage.open_fds, 3u);
  EXPECT_GE(usage.max_fds, usage.open_fds);
  EXPECT_GE(usage.threads, 1u);
  EXPECT_GT(usage.start_time_seconds, 1.6e9);
}

}  // namespace
}  // namespace prism::telemetry

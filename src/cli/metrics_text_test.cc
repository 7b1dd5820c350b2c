#include "cli/metrics_text.h"

#include <gtest/gtest.h>

namespace prism::cli {
namespace {

TEST(ParseMetricsTest, ReadsSamplesAndSkipsTheRest) {
  const std::vector<MetricSample> samples = ParseMetrics(
      "# HELP a_total Help.\n"
      "# TYPE a_total counter\n"
      "a_total{namespace=\"x\",code=\"OK\"} 12\n"
      "a_total{namespace=\"q\\\"\\\\\\n\",} 1.5e3 1700000000\n"
      "plain 7\n"
      "broken{x=\"\n"
      "broken{x} 3\n"
      "nonumber x\n"
      "\n"
      "last 1");
  ASSERT_EQ(samples.size(), 4u);
  EXPECT_EQ(samples[0].name, "a_total");
  EXPECT_EQ(samples[0].labels.at("namespace"), "x");
  EXPECT_EQ(samples[0].labels.at("code"), "OK");
  EXPECT_EQ(samples[0].value, 12);
  EXPECT_EQ(samples[1].labels.at("namespace"), "q\"\\\n");
  EXPECT_EQ(samples[1].value, 1500);
  EXPECT_EQ(samples[2].name, "plain");
  EXPECT_EQ(samples[3].name, "last");
}

}  // namespace
}  // namespace prism::cli

// Reads the Prometheus text format (version 0.0.4), as much of it as `prism status` needs.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace prism::cli {

struct MetricSample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
};

// Comments, time stamps and lines that can't be read are skipped.
std::vector<MetricSample> ParseMetrics(std::string_view text);

}  // namespace prism::cli

// Differences of whole configurations, as text.
#pragma once

#include <cstdint>
#include <string>

#include "prism/admin/v1/config.pb.h"

namespace prism::cli {

// Like a diff: a line for each backend or namespace, below it what goes and what comes.
//   @@ namespace orders: update @@
//   -rate_limit_rps: 100
//   +rate_limit_rps: 500
template <class Differences>
std::string DifferencesText(const Differences& differences);

std::string DifferenceText(const prism::admin::v1::ConfigDifference& difference);
// How many there are, and that not all are shown.
std::string DifferencesCount(std::int64_t total, std::int64_t shown);

template <class Differences>
std::string DifferencesText(const Differences& differences) {
  std::string text;
  for (const auto& difference : differences) text += DifferenceText(difference);
  return text;
}

}  // namespace prism::cli

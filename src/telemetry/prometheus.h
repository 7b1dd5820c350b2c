// The Prometheus text exposition format, version 0.0.4.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "telemetry/histogram.h"

namespace prism::telemetry {

// Builds one exposition. Open a family, then write its samples; all samples of a family must follow
// each other. One thread.
class PrometheusText {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  void Counter(std::string_view name, std::string_view help) { Family(name, help, "counter"); }
  void Gauge(std::string_view name, std::string_view help) { Family(name, help, "gauge"); }
  void Histogram(std::string_view name, std::string_view help) { Family(name, help, "histogram"); }

  // A sample of the open family.
  void Sample(Labels labels, std::uint64_t value);
  void Sample(Labels labels, double value);
  // The buckets, sum and count of one series of an open histogram family.
  void Series(Labels labels, const DurationHistogram& histogram);

  std::string Take() && { return std::move(text_); }

 private:
  void Family(std::string_view name, std::string_view help, std::string_view type);
  void Name(std::string_view suffix, Labels labels, std::string_view le = {});

  std::string text_;
  std::string family_;
};

}  // namespace prism::telemetry

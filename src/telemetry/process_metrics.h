// What the kernel knows of this process, under the names that Prometheus clients use everywhere.
#pragma once

#include <cstdint>

#include "telemetry/prometheus.h"

namespace prism::telemetry {

// A reading of /proc/self; what can't be read is 0. Blocks for as long as procfs takes (tens of
// microseconds, no disk).
struct ProcessUsage {
  double cpu_seconds = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t anonymous_bytes = 0;  // the part of it that is ours alone: heap and stacks
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
  std::uint64_t threads = 0;
  double start_time_seconds = 0;  // since the Unix epoch
};
ProcessUsage ReadProcessUsage();

void WriteProcessMetrics(const ProcessUsage& usage, PrometheusText& out);

}  // namespace prism::telemetry

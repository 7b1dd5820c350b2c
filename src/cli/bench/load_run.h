// A load run: threads that keep connections busy, closed loop (as fast as answers come) or open
// loop (arrivals at a fixed rate, latency counted from the scheduled time).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/status.h"
#include "cli/bench/histogram.h"
#include "cli/bench/proc_stat.h"
#include "cli/bench/workload.h"
#include "rpc/client/client_target.h"

namespace prism::cli {

struct LoadOptions {
  std::string server = "127.0.0.1:8980";
  std::optional<rpc::ClientTlsOptions> tls;  // unset: plain text
  WorkloadOptions workload;
  std::uint32_t connections = 8;  // 1..10,000
  std::uint32_t streams = 32;     // requests in flight on each connection, 1..1000
  std::uint32_t threads = 1;      // 1..64
  std::chrono::milliseconds warmup{500};
  std::chrono::milliseconds duration{3000};
  double rate = 0;  // requests per second over all connections; 0: closed loop
  bool count_shed =
      false;            // RESOURCE_EXHAUSTED and UNAVAILABLE are counted instead of voiding the run
  bool follow = false;  // connect again when the server drains, as clients do at a restart
  bool prefill = true;  // write every key before the run
  std::optional<int> server_pid;  // whose CPU and memory is read from /proc
  // Told ten times a second how much of warm-up and measured time is over; may be empty.
  std::function<void(std::chrono::milliseconds elapsed)> progress;
};

struct LoadReport {
  std::uint64_t done = 0;     // OK answers inside the measured time
  std::uint64_t checked = 0;  // of them decoded and compared
  std::uint64_t shed = 0;
  std::uint64_t reconnects = 0;
  std::uint64_t refused = 0;  // by a draining server, and sent again
  double seconds = 0;
  Histogram latency;
  double client_cpu_seconds = 0;
  std::optional<ProcessUsage> server;  // CPU over the measured time, memory at its end

  double RatePerSecond() const { return seconds > 0 ? static_cast<double>(done) / seconds : 0; }
};

// Runs it. Any wrong status, wrong payload or broken connection is an error: BENCH_VOID and why.
Result<LoadReport> RunLoad(const LoadOptions& options);

}  // namespace prism::cli

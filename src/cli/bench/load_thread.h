// One thread of a load run with its share of the connections.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cli/bench/load_connection.h"
#include "cli/bench/load_run.h"

namespace prism::cli {

// What all threads of a run look at.
struct RunClock {
  MonoNanos measure_from = 0;
  MonoNanos measure_until = 0;
};

// Life cycle: construct, Connect, Prefill (thread 0 only), Run on its own thread, read results.
class LoadThread final : private OutcomeHandler {
 public:
  LoadThread(const LoadOptions& options, const Workload& workload, std::uint32_t index,
             std::uint32_t connections);

  LoadThread(const LoadThread&) = delete;
  LoadThread& operator=(const LoadThread&) = delete;
  ~LoadThread();

  Status Connect();
  // Writes every key of the workload once.
  Status Prefill();
  // Until clock.measure_until; then waits for what is in flight, at most 5 s.
  Status Run(const RunClock& clock);

  std::uint64_t done = 0;
  std::uint64_t checked = 0;
  std::uint64_t shed = 0;
  std::uint64_t reconnects = 0;
  std::uint64_t refused = 0;
  Histogram latency;

 private:
  void OnOutcome(const BenchOutcome& outcome) override;
  void OnRefused(const BenchRequest& request, MonoNanos start) override;
  Status ConnectOne(LoadConnection& connection);
  Status Replace(LoadConnection* left);
  void SendAgain();
  Status Pump(int wait_ms);
  void FillClosedLoop();
  void FillOpenLoop(MonoNanos now);
  bool SendOne(const BenchRequest& request, MonoNanos start);
  Status Drain();

  const LoadOptions& options_;
  const Workload& workload_;
  RequestPicker picker_;
  std::vector<std::unique_ptr<LoadConnection>> connections_;
  std::vector<char> read_buffer_;
  std::vector<std::pair<BenchRequest, MonoNanos>> again_;  // what was refused
  int epoll_ = -1;
  std::size_t next_connection_ = 0;
  std::uint32_t prefilled_ = 0;
  bool prefilling_ = false;
  bool sending_ = false;
  MonoNanos now_ = 0;
  RunClock clock_;
  double interval_ = 0;  // ns between arrivals of this thread; 0: closed loop
  double next_arrival_ = 0;
  std::optional<Error> failure_;
};

}  // namespace prism::cli

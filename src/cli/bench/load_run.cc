#include "cli/bench/load_run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <ctime>
#include <memory>
#include <thread>
#include <vector>

#include "cli/bench/load_thread.h"

namespace prism::cli {
namespace {

Status CheckOptions(const LoadOptions& o) {
  const auto bad = [](std::string_view option, std::string_view bounds) {
    return std::unexpected(
        Error(Code::kInvalidArgument, "BENCH_OPTION", fmt::format("{}: use {}", option, bounds)));
  };
  if (o.connections < 1 || o.connections > 10'000) return bad("--connections", "1 to 10000");
  if (o.streams < 1 || o.streams > 1000) return bad("--streams", "1 to 1000");
  if (o.threads < 1 || o.threads > 64 || o.threads > o.connections)
    return bad("--threads", "1 to 64, at most one for each connection");
  if (o.duration.count() < 1) return bad("--duration", "more than 0");
  if (o.rate < 0) return bad("--rate", "0 (closed loop) or more");
  return {};
}

double ProcessCpuSeconds() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

void SleepUntil(MonoNanos when) {
  timespec t{.tv_sec = when / kNanosPerSecond, .tv_nsec = when % kNanosPerSecond};
  ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr);
}

void ProgressUntil(MonoNanos when, MonoNanos start, const LoadOptions& options) {
  constexpr MonoNanos kStep = 100 * kNanosPerMilli;
  for (MonoNanos now = MonotonicNow(); options.progress && now + kStep < when;
       now = MonotonicNow()) {
    options.progress(std::chrono::milliseconds((now - start) / kNanosPerMilli));
    SleepUntil(now + kStep);
  }
  SleepUntil(when);
}

// Usage of server and client at one moment.
struct Sample {
  double client_cpu = 0;
  std::optional<ProcessUsage> server;
};

Result<Sample> TakeSample(const LoadOptions& options) {
  Sample sample{.client_cpu = ProcessCpuSeconds(), .server = std::nullopt};
  if (options.server_pid) {
    TRY_ASSIGN(sample.server, ReadProcessUsage(*options.server_pid));
  }
  return sample;
}

std::vector<std::unique_ptr<LoadThread>> MakeThreads(const LoadOptions& options,
                                                     const Workload& workload) {
  std::vector<std::unique_ptr<LoadThread>> threads;
  for (std::uint32_t i = 0; i < options.threads; ++i) {
    const std::uint32_t share =
        options.connections / options.threads + (i < options.connections % options.threads ? 1 : 0);
    threads.push_back(std::make_unique<LoadThread>(options, workload, i, share));
  }
  return threads;
}

}  // namespace

Result<LoadReport> RunLoad(const LoadOptions& options) {
  TRY(CheckOptions(options));
  TRY_ASSIGN(const Workload workload, Workload::Create(options.workload));
  auto loads = MakeThreads(options, workload);
  for (auto& load : loads) TRY(load->Connect());
  if (options.prefill) TRY(loads.front()->Prefill());

  RunClock clock;
  const MonoNanos start = MonotonicNow();
  clock.measure_from = start + options.warmup.count() * kNanosPerMilli;
  clock.measure_until = clock.measure_from + options.duration.count() * kNanosPerMilli;
  std::vector<Status> outcomes(loads.size());
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < loads.size(); ++i) {
    threads.emplace_back([&, i] { outcomes[i] = loads[i]->Run(clock); });
  }
  ProgressUntil(clock.measure_from, start, options);
  const auto before = TakeSample(options);
  ProgressUntil(clock.measure_until, start, options);
  const auto after = TakeSample(options);
  threads.clear();  // joins

  for (const Status& outcome : outcomes) TRY(outcome);
  TRY(before);
  TRY(after);
  LoadReport report;
  report.seconds = static_cast<double>(options.duration.count()) / 1000;
  report.client_cpu_seconds = after->client_cpu - before->client_cpu;
  if (options.server_pid) {
    report.server = after->server;
    report.server->cpu_seconds -= before->server->cpu_seconds;
  }
  for (const auto& load : loads) {
    report.done += load->done;
    report.checked += load->checked;
    report.shed += load->shed;
    report.reconnects += load->reconnects;
    report.refused += load->refused;
    report.latency.Merge(load->latency);
  }
  return report;
}

}  // namespace prism::cli

#include "cli/load.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>
#include <string>

#include "base/units.h"
#include "cli/bench/load_run.h"
#include "cli/bench/report.h"
#include "cli/kv_common.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/shell.h"

namespace prism::cli {
namespace {

// The options as they stand on the command line.
struct BenchArguments {
  LoadOptions load;
  std::string duration = "3s";
  std::string warmup = "500ms";
  int pid = 0;
  bool no_prefill = false;
};

Result<LoadOptions> ToOptions(const Shell& shell, const BenchArguments& arguments) {
  if (!shell.options.token.empty()) {
    return std::unexpected(
        Error(Code::kUnimplemented, "BENCH_WITHOUT_TOKEN",
              "prism bench sends no token: measure a server that asks for none"));
  }
  LoadOptions options = arguments.load;
  options.server = shell.options.server;
  options.tls = shell.Target(options.server).tls;
  TRY_ASSIGN(options.duration, base::ParseDuration(arguments.duration));
  TRY_ASSIGN(options.warmup, base::ParseDuration(arguments.warmup));
  options.prefill = !arguments.no_prefill;
  if (arguments.pid > 0) options.server_pid = arguments.pid;
  return options;
}

int RunBench(Shell& shell, const BenchArguments& arguments) {
  auto options = ToOptions(shell, arguments);
  if (!options) return shell.Fail(options.error());
  if (const Status served = ProbeNamespace(shell, options->workload.ns); !served) {
    return shell.Fail(served.error());
  }
  Progress progress("loading:", 0);
  const std::string total = base::FormatDuration(options->warmup + options->duration);
  options->progress = [&progress, &total](std::chrono::milliseconds elapsed) {
    progress.Update(
        fmt::format("{:.1f}s of {}", static_cast<double>(elapsed.count()) / 1000, total));
  };
  const auto report = RunLoad(*options);
  progress.Clear();
  if (!report) return shell.Fail(report.error());
  if (shell.json()) {
    WriteLine(FormatReportJson(*options, *report));
  } else {
    WriteOut(FormatReport(*options, *report));
  }
  return kDone;
}

void AddLoadOptions(CLI::App& verb, BenchArguments& a) {
  verb.add_option("NAMESPACE", a.load.workload.ns, "Namespace that offers keyvalue_basic")
      ->capture_default_str();
  verb.add_option("-c,--connections", a.load.connections, "Connections, 1 to 10000")
      ->capture_default_str();
  verb.add_option("-m,--streams", a.load.streams,
                  "Requests in flight on each connection, 1 to 1000")
      ->capture_default_str();
  verb.add_option("-t,--threads", a.load.threads, "Threads of the load generator, 1 to 64")
      ->capture_default_str();
  verb.add_option("-d,--duration", a.duration, "Measured time")->capture_default_str();
  verb.add_option("--warmup", a.warmup, "Time before measuring starts")->capture_default_str();
  verb.add_option("-r,--rate", a.load.rate,
                  "Arrivals per second (open loop); 0: as fast as answers come")
      ->capture_default_str();
  verb.add_option("--keys", a.load.workload.keys, "Different keys, 1 to 1000000")
      ->capture_default_str();
  verb.add_option("--value-size", a.load.workload.value_bytes, "Bytes of each value, 0 to 16000")
      ->capture_default_str();
  verb.add_option("--set-percent", a.load.workload.set_percent, "Share of Set; the rest is Get")
      ->capture_default_str();
  verb.add_option("--check-every", a.load.workload.check_every,
                  "Every n-th answer is decoded and compared")
      ->capture_default_str();
  verb.add_option("--pid", a.pid, "Process of the server, for its CPU and memory (this machine)");
  verb.add_flag("--no-prefill", a.no_prefill, "Do not write all keys before the run");
  verb.add_flag("--follow", a.load.follow,
                "Connect again when the server drains, and send again what it refused untouched");
  verb.add_flag("--allow-shed", a.load.count_shed,
                "Count RESOURCE_EXHAUSTED and UNAVAILABLE instead of voiding the run");
}

}  // namespace

void AddBench(CLI::App& app, Shell& shell) {
  CLI::App* verb =
      app.add_subcommand("bench", "Load a namespace and measure rate, latency and CPU per request");
  auto arguments = std::make_shared<BenchArguments>();
  AddLoadOptions(*verb, *arguments);
  verb->footer(
      "Writes keys named bench-0000000 and so on and leaves them there. Any other error than those "
      "of --allow-shed,\n"
      "and any wrong answer, voids the run. With --rate latency counts from the scheduled "
      "arrival.\n\n"
      "Examples:\n"
      "  prism bench scratch\n"
      "  prism bench scratch -c 8 -m 32 -t 2 --pid $(pgrep -x prism)\n"
      "  prism bench default --set-percent 100 --rate 5000 -o json");
  shell.On(*verb, [&shell, arguments] { return RunBench(shell, *arguments); });
}

}  // namespace prism::cli

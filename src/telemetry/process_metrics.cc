#include "telemetry/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace prism::telemetry {

namespace {

// Fields of /proc/self/stat behind the command name, counted from "state" = 3 (proc(5)).
void ReadStat(ProcessUsage& usage) {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return;
  std::istringstream fields(line.substr(name_end + 1));
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  std::string field;
  double start_ticks = 0;
  for (int number = 3; number <= 23 && fields >> field; ++number) {
    if (number == 14 || number == 15) usage.cpu_seconds += std::stod(field) / ticks;
    if (number == 20) usage.threads = std::stoull(field);
    if (number == 22) start_ticks = std::stod(field);
    if (number == 23) usage.virtual_bytes = std::stoull(field);
  }
  // start_ticks counts from boot; btime says when that was.
  std::ifstream stat("/proc/stat");
  double boot = 0;
  for (std::string key; stat >> key;) {
    if (key == "btime" && stat >> boot) break;
  }
  usage.start_time_seconds = boot + start_ticks / ticks;
}

void ReadMemory(ProcessUsage& usage) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    const auto kib = [&line](std::string_view key, std::uint64_t& into) {
      if (line.starts_with(key)) into = std::stoull(line.substr(key.size())) * 1024;
    };
    kib("VmRSS:", usage.resident_bytes);
    kib("RssAnon:", usage.anonymous_bytes);
  }
}

}  // namespace

ProcessUsage ReadProcessUsage() {
  ProcessUsage usage;
  ReadStat(usage);
  ReadMemory(usage);
  std::error_code failed;
  for (std::filesystem::directory_iterator it("/proc/self/fd", failed), end; !failed && it != end;
       it.increment(failed)) {
    ++usage.open_fds;
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) usage.max_fds = limit.rlim_cur;
  return usage;
}

void WriteProcessMetrics(const ProcessUsage& usage, PrometheusText& out) {
  out.Counter("process_cpu_seconds_total", "User and system CPU time spent, in seconds.");
  out.Sample({}, usage.cpu_seconds);
  out.Gauge("process_resident_memory_bytes", "Resident memory, shared pages included.");
  out.Sample({}, usage.resident_bytes);
  out.Gauge("process_anonymous_memory_bytes", "Resident memory without files: heap and stacks.");
  out.Sample({}, usage.anonymous_bytes);
  out.Gauge("process_virtual_memory_bytes", "Virtual memory size.");
  out.Sample({}, usage.virtual_bytes);
  out.Gauge("process_open_fds", "Open file descriptors.");
  out.Sample({}, usage.open_fds);
  out.Gauge("process_max_fds", "Soft limit of open file descriptors.");
  out.Sample({}, usage.max_fds);
  out.Gauge("process_threads", "Operating system threads.");
  out.Sample({}, usage.threads);
  out.Gauge("process_start_time_seconds", "Start of the process, in seconds since the Unix epoch.");
  out.Sample({}, usage.start_time_seconds);
}

}  // namespace prism::telemetry

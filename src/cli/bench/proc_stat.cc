#include "cli/bench/proc_stat.h"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace prism::cli {
namespace {

Error NoProcess(int pid) {
  return {Code::kNotFound, "NO_SUCH_PROCESS",
          fmt::format("can't read /proc/{}; check the process id and that it belongs to you", pid)};
}

// Fields 14 and 15 of /proc/PID/stat; the name in field 2 may hold spaces, so counting starts
// behind its ')'.
Result<double> CpuSeconds(int pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::unexpected(NoProcess(pid));
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  if (!(fields >> user >> system)) return std::unexpected(NoProcess(pid));
  return static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

Result<ProcessUsage> ReadProcessUsage(int pid) {
  ProcessUsage usage;
  TRY_ASSIGN(usage.cpu_seconds, CpuSeconds(pid));
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  std::string name;
  std::uint64_t kib = 0;
  for (std::string line; std::getline(status, line);) {
    std::istringstream fields(line);
    if (!(fields >> name >> kib)) continue;
    if (name == "VmRSS:") usage.rss_bytes = kib * 1024;
    if (name == "RssAnon:") usage.anon_bytes = kib * 1024;
  }
  return usage;
}

}  // namespace prism::cli

// CPU and memory of a process, from /proc (proc(5)).
#pragma once

#include <cstdint>

#include "base/status.h"

namespace prism::cli {

struct ProcessUsage {
  double cpu_seconds = 0;        // user and system, of all threads
  std::uint64_t rss_bytes = 0;   // VmRSS
  std::uint64_t anon_bytes = 0;  // RssAnon
};

// NOT_FOUND/NO_SUCH_PROCESS when the process is gone or may not be read.
Result<ProcessUsage> ReadProcessUsage(int pid);

}  // namespace prism::cli

// Prints a load report for people or programs.
#pragma once

#include <string>

#include "cli/bench/load_run.h"

namespace prism::cli {

// A few lines: rate, latency percentiles, CPU per request of server and client, memory.
std::string FormatReport(const LoadOptions& options, const LoadReport& report);
// One JSON object; durations in microseconds, memory in bytes.
std::string FormatReportJson(const LoadOptions& options, const LoadReport& report);

}  // namespace prism::cli

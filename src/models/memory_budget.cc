#include "models/memory_budget.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>

#include "models/errors.h"

namespace prism::models {
namespace {

// The limit of the control group (version 2, as seen from inside a container), or nothing.
std::uint64_t ControlGroupLimit() {
  std::ifstream file("/sys/fs/cgroup/memory.max");
  std::string text;
  if (!(file >> text)) return 0;  // no such file: no limit
  std::uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  return error == std::errc() ? bytes : 0;  // "max": no limit
}

}  // namespace

std::uint64_t MemoryBudget::DefaultMaxBytes() {
  const auto pages = static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
  std::uint64_t bytes = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (const std::uint64_t limit = ControlGroupLimit(); limit != 0) bytes = std::min(bytes, limit);
  return bytes / 4;
}

std::unexpected<Error> MemoryBudget::Refuse() const {
  return std::unexpected(MemoryLimitError(max_bytes_));
}

}  // namespace prism::models

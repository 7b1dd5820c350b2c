// The errors that implementations of several models, over any store, share: one place for reasons
// and texts.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace prism::models {

// The process-wide memory.max_bytes.
Error MemoryLimitError(std::uint64_t limit);
// A quota of the namespace; `quota` is "max_bytes" or "max_keys".
Error QuotaError(std::string_view quota, std::uint64_t limit);
Error DedupFullError(std::uint64_t limit);
Error RequestIdReusedError();

}  // namespace prism::models

#include "models/errors.h"

#include <fmt/format.h>

namespace prism::models {

Error MemoryLimitError(std::uint64_t limit) {
  return Error(Code::kResourceExhausted, "MEMORY_LIMIT",
               fmt::format(
                   "The in-memory engine holds as much as it may ({} bytes). Remove data, let it "
                   "expire, or raise memory.max_bytes.",
                   limit))
      .With("limit", std::to_string(limit));
}

Error QuotaError(std::string_view quota, std::uint64_t limit) {
  return Error(Code::kResourceExhausted, "QUOTA_EXCEEDED",
               fmt::format(
                   "The namespace would pass its quota {} = {}. Remove data or raise the quota.",
                   quota, limit))
      .With("quota", std::string(quota))
      .With("limit", std::to_string(limit));
}

Error DedupFullError(std::uint64_t limit) {
  return Error(Code::kResourceExhausted, "DEDUP_FULL",
               fmt::format(
                   "The namespace remembers its maximum of {} request ids. Send the call without "
                   "request_id, wait until ids leave the dedup_window, or raise dedup_max_entries.",
                   limit))
      .With("limit", std::to_string(limit));
}

Error RequestIdReusedError() {
  return InvalidField("REQUEST_ID_REUSED", "request_id",
                      "was used for a different request before; use a new id for each new request");
}

}  // namespace prism::models

// Work on many keys, a page at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace prism::models {

// The next page of a scan.
struct ScanQuery {
  std::string_view prefix = {};
  // Where the page before ended: a key, and the page has those above it; on stores without an
  // order, what they gave for it. Empty: from the start.
  std::string_view after = {};
  std::size_t max_entries = 0;  // >= 1
  std::size_t max_bytes =
      0;  // of keys, values and tags; at least one entry is answered whatever its size
  bool keys_only = false;  // records carry neither value nor tags
};

// Part of the work on all keys of a prefix.
struct PrefixProgress {
  std::uint64_t keys = 0;  // counted or removed by this call
  bool end = false;
  std::string cursor = {};  // for the next call, unless `end`; opaque
};

}  // namespace prism::models

// Which key, or which list, a target of KeyValue names. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::gateway {

// What to list; the defaults are those of ScanRequest.
struct KeyValueList {
  std::string prefix;
  std::int64_t limit = 0;
  std::string page_token;
  bool keys_only = false;
};

struct KeyValueTarget {
  std::string ns;
  std::optional<std::string> key;  // nothing: the list
  KeyValueList list;
};

// The key stands in the path as one segment, or in the query as `key` or `key_b64` (both alphabets,
// padding optional). INVALID_ARGUMENT beside what Query::Parse and DecodeText refuse:
//   KEY_PATH_AMBIGUOUS   "a/b", "." or "..": clients and proxies rewrite such paths
//   KEY_REPEATED         more than one key is named
//   KEY_B64_MALFORMED    no base64
//   PARAMETER_MISPLACED  a parameter of lists beside a key
//   LIMIT_MALFORMED, KEYS_ONLY_MALFORMED
// Emptiness and length of what is named are judged where all protocols meet.
Result<KeyValueTarget> ParseKeyValueTarget(std::string_view target);

}  // namespace prism::gateway

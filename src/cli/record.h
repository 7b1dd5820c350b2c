// The lines of `kv export`, `kv import` and `kv txn`: one JSON object, or a command, a line.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"

namespace prism::cli {

// A key with its value as a line of JSON says it:
//   {"key": "a", "value": "aGVsbG8=", "expire_time": "2026-11-21T05:00:00Z", "tags": {"owner":
//   "web"}}
// `value` is base64; `text` may stand in its place; `ttl` ("10s") in the place of `expire_time`.
// `version` is ignored, so that the output of export, scan and get can be imported.
struct Record {
  std::string key;
  std::string value;
  std::optional<std::chrono::milliseconds> ttl;  // from `now`; 0 or less: expired already
  std::map<std::string, std::string> tags;
};

// INVALID_ARGUMENT/BAD_LINE with what is wrong and would be right.
Result<Record> ParseRecord(std::string_view line, WallMillis now);

// One step of a transaction: "get KEY", "set KEY VALUE", "delete KEY", or {"op": "set", "key": ...,
// ...} with the members of a record. In a plain line KEY ends at the first space, unless it is a
// JSON string ("a key"); VALUE is the rest of the line, or a JSON string.
struct Step {
  enum class Kind { kGet, kSet, kDelete };
  Kind kind;
  Record record;
};

// Nothing for an empty line and for one that begins with #. INVALID_ARGUMENT/BAD_LINE.
Result<std::optional<Step>> ParseStep(std::string_view line, WallMillis now);

}  // namespace prism::cli

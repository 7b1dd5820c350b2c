// Entity tags and the conditions of requests (RFC 9110 sections 8.8.3 and 13). The version of what
// is stored is its ETag. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "rpc/request_headers.h"

namespace prism::gateway {

// "\"<version>\"", escaped where a version has what an ETag may not have.
std::string MakeETag(std::string_view version);

struct EntityTag {
  std::string_view text;  // between the quotes
  bool weak = false;
};

// The value of If-Match or If-None-Match, all lines of it. Valid as long as the headers.
struct EntityTagList {
  bool any = false;  // "*"
  std::vector<EntityTag> tags;

  // By strong comparison: weak tags match nothing.
  bool MatchesStrongly(std::string_view version) const;
  bool MatchesWeakly(std::string_view version) const;
};

// Nothing: the header is absent. INVALID_ARGUMENT/ETAG_MALFORMED.
Result<std::optional<EntityTagList>> ParseEntityTags(const rpc::RequestHeaders& headers,
                                                     std::string_view name);

// When a write may happen: always, on absence, or on one version.
struct WriteCondition {
  enum class Kind : std::uint8_t { kNone, kAbsent, kVersion };
  Kind kind = Kind::kNone;
  std::string version;
};

// If-Match and If-None-Match of a write. Besides ETAG_MALFORMED: UNIMPLEMENTED/
// CONDITION_UNSUPPORTED for what no atomic call of the interfaces can hold, ABORTED/
// VERSION_MISMATCH for what never matches.
Result<WriteCondition> ParseWriteCondition(const rpc::RequestHeaders& headers);

// The 412 of a condition that did not hold. Empty version: nothing is there.
Error VersionMismatch(std::string_view current_version);

}  // namespace prism::gateway

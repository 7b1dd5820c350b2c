// Filters over entries of the audit.
#pragma once

#include <string_view>

#include "base/status.h"
#include "filter/sql.h"

namespace prism::security {

// The first parameter of SQL that a filter of the audit has.
inline constexpr int kAuditFilterParameter = 10;

// AIP-160 over the fields of an entry, as AuditQuery takes it. INVALID_ARGUMENT with the position
// of the mistake.
Result<filter::SqlCondition> CompileAuditFilter(std::string_view text);

}  // namespace prism::security

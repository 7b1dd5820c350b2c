// Deeds of whoever has the data directory of a server that is stopped: they are audited, too.
#pragma once

#include <string>
#include <string_view>

#include "security/audit_log.h"

namespace prism::cli {

// Who has the data directory may do everything; the audit says which account that was.
std::string WhoRuns();

// A deed of that account; `after` is JSON or empty.
security::AuditEntry DeedOf(std::string_view action, std::string object, std::string after);

}  // namespace prism::cli

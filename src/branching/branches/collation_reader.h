// Whether text is sorted here as it was where a source comes from.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "branching/branches/journal.h"

namespace prism::branching {

// Databases whose collation had another version when it was recorded (pg_database.datcollversion)
// than the server behind the unix socket has, by name; those of PostgreSQL before 15 record none.
// Collations of single columns are not looked at. Blocks, at most some seconds.
// UNAVAILABLE/COLLATIONS_UNREADABLE.
Result<std::vector<CollationChange>> ReadCollationChanges(const std::string& socket_path,
                                                          const std::string& superuser);

}  // namespace prism::branching

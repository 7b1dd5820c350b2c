// Copies of a file while it is in use.
#pragma once

#include <string>

#include "base/status.h"
#include "sqlite/connection.h"

namespace prism::sqlite {

// Copies what is committed now to `target`, which must not exist: a complete file without a log,
// checked page by page and synced. Writers go on meanwhile. FAILED_PRECONDITION/BACKUP_EXISTS. A
// copy that fails is removed. Blocking.
Status BackupTo(Connection& source, const std::string& target);

// Everything that SQLite can check of a file, in time linear in its size: DATA_LOSS/FILE_DAMAGED
// with the first finding.
Status CheckIntegrity(Connection& connection);

}  // namespace prism::sqlite

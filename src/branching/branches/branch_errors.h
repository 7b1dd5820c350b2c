// Why something can't be done to a branch, and what to do about it.
#pragma once

#include <cstddef>
#include <string>

#include "base/status.h"

namespace prism::branching {

Error Busy(const std::string& name);
Error InUse(const std::string& name, int clients);
Error Protected(const std::string& name);
Error Exists(const std::string& name);
Error NotDeleted(const std::string& name);
Error SnapshotExists(const std::string& branch, const std::string& name);
Error NoSnapshot(const std::string& branch, const std::string& name);
Error BadSnapshotName(const std::string& name);
Error TooManySnapshots(const std::string& branch, std::size_t most);
Error HasChildren(const std::string& name, const std::string& child);

}  // namespace prism::branching

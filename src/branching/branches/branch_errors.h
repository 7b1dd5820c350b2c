// Why something can't be done to a branch, and what to do about it.
#pragma once

#include <string>

#include "base/status.h"

namespace prism::branching {

Error Busy(const std::string& name);
Error InUse(const std::string& name, int clients);
Error Protected(const std::string& name);
Error Exists(const std::string& name);
Error NotDeleted(const std::string& name);
Error HasChildren(const std::string& name, const std::string& child);

}  // namespace prism::branching

// What kind of volumes a store has, beside them: in `layout`.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::branching::internal {

// "trees" where nothing has been written.
Result<std::string> ReadLayout(const std::string& store);

// On disk when this returns.
Status WriteLayout(const std::string& store, std::string_view layout);

}  // namespace prism::branching::internal

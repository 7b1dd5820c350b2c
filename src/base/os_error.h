// Errors of the operating system in our vocabulary.
#pragma once

#include <string_view>

#include "base/status.h"

namespace prism::base {

// "WHAT: text of errno (ENAME)" with the canonical code that fits the number and metadata "errno".
// `reason` is the caller's stable reason. `number` is a value of errno, read before anything else
// could change it.
Error OsError(int number, std::string_view reason, std::string_view what);

}  // namespace prism::base

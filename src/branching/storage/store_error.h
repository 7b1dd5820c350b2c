// Errors of the operating system in the reasons of storage.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::branching::internal {

// `number` is a value of errno; `action` goes on after "can't": "clone FILE".
// RESOURCE_EXHAUSTED/DISK_FULL, PERMISSION_DENIED/STORE_DENIED, else STORE_IO.
Error StoreError(int number, std::string_view action);

}  // namespace prism::branching::internal

// Which driver a directory can have.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "branching/storage/driver.h"

namespace prism::runtime {
class BlockingPool;
}

namespace prism::branching {

struct DriverProbe {
  StorageTraits traits;
  // Why it can't be used: FAILED_PRECONDITION/STORE_DRIVER_UNSUITABLE, or what else was in the way.
  std::optional<Error> refused;
};

// Tries each driver in the directory, which is there and writable: the best first, copying last.
// What is made for that is gone afterwards. Blocks for some milliseconds.
std::vector<DriverProbe> ProbeDrivers(const std::string& directory);

// By the name in its traits. Idle threads of `helpers` (may be null, must outlive the driver) speed
// it up. INVALID_ARGUMENT/STORE_DRIVER_UNKNOWN.
Result<std::unique_ptr<StorageDriver>> MakeDriver(std::string_view name,
                                                  runtime::BlockingPool* helpers);

}  // namespace prism::branching

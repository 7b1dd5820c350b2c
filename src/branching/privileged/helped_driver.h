// Drivers of an unprivileged process that has a helper.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "branching/privileged/helper_client.h"
#include "branching/storage/driver.h"

namespace prism::runtime {
class BlockingPool;
}

namespace prism::branching {

// The driver of that name, of which the helper does what only root may: all of overlays and ZFS,
// of btrfs the removal, of others nothing. `volumes`: the directory that has the volumes,
// canonical. `helper` and `helpers` (idle threads, may be null) outlive it.
// INVALID_ARGUMENT/STORE_DRIVER_UNKNOWN.
Result<std::unique_ptr<StorageDriver>> MakeHelpedDriver(std::string_view name,
                                                        const HelperClient& helper,
                                                        std::string volumes,
                                                        runtime::BlockingPool* helpers);

}  // namespace prism::branching

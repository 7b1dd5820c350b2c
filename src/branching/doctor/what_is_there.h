// What a store and the run directories beside it have, whoever works with them.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>

#include "base/status.h"
#include "branching/storage/storage.h"

namespace prism::branching {

// By volume: the process that serves it; 0: one that has not said its number; none: nobody.
using ServersThere = std::map<std::string, std::optional<pid_t>>;

struct WhatIsThere {
  StoreContents store;
  ServersThere servers;
};

// Of the directory of run directories, which may not be there. Blocks; changes nothing.
// RUN_DIRECTORY_UNREADABLE, INSTANCE_FILES with what the system said.
Result<ServersThere> FindServers(const std::string& run_directory);

// Of a store's directory and the directory of run directories; either may not be there. As
// FindServers, and STORE_IO.
Result<WhatIsThere> LookAround(const std::string& store, const std::string& run_directory);

}  // namespace prism::branching

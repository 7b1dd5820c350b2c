// The process that keeps what root may do when Prism gives it up.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "branching/instances/sandbox.h"

namespace prism::branching {

struct HelperOptions {
  InstanceUser user;   // whom all is done for: neither uid nor gid 0
  std::string driver;  // of the store (StorageTraits)
  std::string store;   // its directory, canonical
};

// Serves requests until nobody has the other end of the socket any more, or one comes that is none.
// Changes this process for good: keeps few capabilities, ignores signals that end, no core files.
// As root, before other threads start. INVALID_ARGUMENT/PRIVILEGED_REQUEST, PRIVILEGED_*.
Status RunHelper(base::UniqueFd socket, const HelperOptions& options);

// The command line of the helper, without the program's name.
std::vector<std::string> HelperArguments(const HelperOptions& options);
// What a program does before all else: RunHelper when the command line says so, with the socket as
// descriptor 3. An exit code; nothing when it is another verb.
std::optional<int> BeHelper(int argc, char** argv);

}  // namespace prism::branching

// Whether a server would start with a configuration, found out without its data.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/settings.h"
#include "base/status.h"
#include "namespaces/snapshot.h"

namespace prism::app {

// Opens the backends and binds the namespaces as the first start does, on a temporary directory in
// place of those that hold data, which are neither made nor locked. The errors of that start;
// else what of the snapshot would not be served, each REASON: MESSAGE. Blocking.
Result<std::vector<std::string>> CheckServable(
    const ServerSettings& settings, const std::shared_ptr<const namespaces::Snapshot>& snapshot);

}  // namespace prism::app

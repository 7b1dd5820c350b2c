// Backends as they are configured, with the secrets that they refer to.
#pragma once

#include "backends/builtin_backends.h"
#include "base/status.h"
#include "namespaces/snapshot.h"

namespace prism::app {

// The errors of security::ResolveSecrets, a field for each that can't be resolved, such as
// "backends.NAME.password"; code, reason and message of the first. Blocking.
Result<backends::BackendSettings> Resolve(const namespaces::BackendConfig& config);

}  // namespace prism::app

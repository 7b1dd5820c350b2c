// Backends as they are configured, with the secrets that they refer to.
#pragma once

#include "backends/builtin_backends.h"
#include "base/status.h"
#include "namespaces/snapshot.h"

namespace prism::app {

// The errors of security::ResolveSecrets, with the backend as the field. Blocking.
Result<backends::BackendSettings> Resolve(const namespaces::BackendConfig& config);

}  // namespace prism::app

// One backend of a configuration, wherever it was written.
#pragma once

#include "namespaces/problems.h"
#include "namespaces/snapshot.h"
#include "namespaces/yaml_value.h"

namespace prism::namespaces {

// What can't be read is a problem and reads as absent. A literal password is never kept.
BackendConfig ReadBackend(const YamlKey& name, const YamlValue& value, Problems& problems);

}  // namespace prism::namespaces

// Reads the blocks `needs` and `shadow` of a namespace.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "namespaces/needs.h"
#include "namespaces/problems.h"
#include "namespaces/shadow_config.h"
#include "namespaces/yaml_value.h"

namespace prism::namespaces {

// What can be read of it; the rest is in `problems`.
Needs ReadNeeds(const YamlValue& value, Problems& problems);

// Nothing when no backend can be read, which is a problem. `check` is asked about the backend,
// which stands at the mark.
using BackendCheck = std::function<void(const std::string& backend, Mark mark)>;
std::optional<ShadowConfig> ReadShadow(const YamlValue& value, const BackendCheck& check,
                                       Problems& problems);

}  // namespace prism::namespaces

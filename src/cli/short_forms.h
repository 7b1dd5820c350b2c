// The shorter spellings of a namespace that prism.yaml takes.
#pragma once

#include "namespaces/problems.h"
#include "namespaces/yaml_value.h"

namespace prism::cli {

// Makes `pattern` with `slots` what they are short for: `patterns` with this one, and the backend
// of the first slot unless there is another. Adds MISSING_KEY for slots without a pattern,
// BAD_VALUE for slots beside patterns, and NEEDS_IMPORT for connection_string: that is a backend
// besides.
void SpellOut(namespaces::YamlValue& ns, namespaces::Problems& problems);

}  // namespace prism::cli

// Reads the section `branching` of prism.yaml.
#pragma once

#include "namespaces/branching_config.h"
#include "namespaces/problems.h"
#include "namespaces/yaml_value.h"

namespace prism::namespaces {

// What can't be read is a problem, and absent from the answer.
BranchingConfig ReadBranching(const YamlValue& value, Problems& problems);

}  // namespace prism::namespaces

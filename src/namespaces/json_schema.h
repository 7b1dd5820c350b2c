// docs/reference/prism.schema.json, which the build puts into the program.
#pragma once

#include <string_view>

namespace prism::namespaces {

// JSON Schema (draft 2020-12) of prism.yaml, for editors and checks elsewhere.
std::string_view JsonSchema();

}  // namespace prism::namespaces

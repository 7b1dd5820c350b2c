// docs/reference/openapi.json, which the build puts into the program.
#pragma once

#include <string_view>

namespace prism::app {

std::string_view OpenApiJson();

}  // namespace prism::app

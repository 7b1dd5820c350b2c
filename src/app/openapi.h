// docs/reference/openapi.json and openapi-admin.json, which the build puts into the program.
#pragma once

#include <string_view>

namespace prism::app {

std::string_view OpenApiJson();
std::string_view AdminOpenApiJson();

}  // namespace prism::app

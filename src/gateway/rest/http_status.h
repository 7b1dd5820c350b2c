// The HTTP status of every error that a resource route can answer: one table.
#pragma once

#include <string_view>

#include "base/status.h"

namespace prism::gateway {

// By its reason where HTTP has a status of its own for it, by its code otherwise. A literal.
std::string_view ResourceStatus(const Error& error);

}  // namespace prism::gateway

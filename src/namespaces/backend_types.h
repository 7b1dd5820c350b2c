// The catalogue of the types that a backend may have. The driver of a type need not be part of this
// program: what stands on it answers DRIVER_NOT_INSTALLED then.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace prism::namespaces {

// The type that a name or an alias of it stands for; nothing: it is none of the catalogue.
std::optional<std::string> BackendTypeOf(std::string_view name);

// What to say about a name that is none, with the one that was most likely meant or else all.
std::string NoBackendType(std::string_view name);

}  // namespace prism::namespaces

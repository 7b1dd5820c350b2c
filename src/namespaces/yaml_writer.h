// A configuration as text for people, which ParseConfig reads back.
#pragma once

#include <string>

#include "namespaces/snapshot.h"

namespace prism::namespaces {

// Backends and namespaces, by name; of settings those that are not the default. Equal
// configurations have equal texts. Options of the server are not in it.
std::string ToYaml(const Snapshot& snapshot);

}  // namespace prism::namespaces

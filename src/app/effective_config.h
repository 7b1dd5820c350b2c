// The configuration as it is in effect, for people and programs. Secrets are references in it,
// because nothing here has ever seen them resolved.
#pragma once

#include <string>

#include "app/settings.h"
#include "namespaces/snapshot.h"

namespace prism::app {

// JSON in the shape of prism.yaml, with every default written out.
std::string EffectiveConfig(const ServerSettings& settings, const namespaces::Snapshot& snapshot);

}  // namespace prism::app

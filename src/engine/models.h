// The list of data models that the embedded engines have.
#pragma once

#include <span>

#include "engine/model.h"

namespace prism::engine {

// What LocalEngine is built with, unless a test wants others.
std::span<const Model* const> BuiltinModels();

}  // namespace prism::engine

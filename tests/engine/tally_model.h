// The toy model: what anybody writes who adds a data model to the embedded engine. Nothing in
// src/engine knows of it.
#pragma once

#include "engine/memory/memory_store.h"
#include "engine/model.h"

namespace prism::engine::testing {

// The model, its services once for all storage engines.
extern const Model kTallyModel;
// Its store in memory.
extern const MemoryModel kTallyInMemory;

}  // namespace prism::engine::testing

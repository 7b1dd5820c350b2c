#include "engine/store.h"

#include "models/wanted.h"

namespace prism::engine {

void StoreWork::Drop() { Fail(models::UnwantedError(cancelled_.load(std::memory_order_relaxed))); }

}  // namespace prism::engine

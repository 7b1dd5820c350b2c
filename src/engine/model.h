// A data model as the engine's core sees it: a name, interfaces, and how to make its services.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "contract/implements.h"
#include "engine/store.h"

namespace prism::engine {

class LocalEngine;

// The services of one model in one namespace. Thread-safe: called from every shard.
class ModelService {
 public:
  virtual ~ModelService() = default;
  virtual contract::InterfaceProvider& provider() = 0;
  // Drops what has been abandoned (open transactions, waits). Called about once a second, on a
  // thread of the engine.
  virtual void Sweep(MonoNanos now) = 0;
  // Whether there is nothing to drop, now or later, unless the store's sweep mark is touched.
  virtual bool Idle() { return false; }
};

// What services are made from. All of it outlives them.
struct ModelContext {
  LocalEngine& engine;
  Store& store;
  std::size_t slot;  // of the model's store in a Session
  std::string_view ns;
};

// A constant; which ones there are is decided by whoever builds the LocalEngine. A storage engine
// brings the model's store under the same id.
struct Model {
  std::string_view id;  // "keyvalue"
  std::span<const contract::InterfaceInfo* const> interfaces;
  std::unique_ptr<ModelService> (*serve)(const ModelContext& context);
};

}  // namespace prism::engine

// The base of the store interfaces of all models, and what one piece of work sees of a namespace.
#pragma once

#include <cstddef>
#include <span>

#include "base/clock.h"
#include "base/status.h"
#include "engine/dedup_store.h"

namespace prism::engine {

// One model's data in one namespace. Thread rule: as its Store says.
class ModelStore {
 public:
  virtual ~ModelStore() = default;
  // Removes up to `budget` records that have expired. True when more are due.
  virtual Result<bool> Sweep(WallMillis now, std::size_t budget) = 0;
  // Whether anything is there that may expire some day. Not asked of stores that sweep on a thread
  // of their own.
  virtual bool MayExpire() { return true; }
};

// The stores of one namespace as one thread sees them: memory has one session for all threads;
// SQLite one for the writer and one per reader, each with its own connection. Slots are the
// positions in the list of models that the engine was built with.
class Session {
 public:
  Session(std::span<ModelStore* const> models, DedupStore& dedup)
      : models_(models), dedup_(&dedup) {}

  template <class S>
  S& model(std::size_t slot) const {
    return static_cast<S&>(*models_[slot]);
  }
  std::span<ModelStore* const> models() const { return models_; }
  // Only in writes.
  DedupStore& dedup() const { return *dedup_; }

 private:
  std::span<ModelStore* const> models_;
  DedupStore* dedup_;
};

}  // namespace prism::engine

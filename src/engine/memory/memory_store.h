// One namespace's data in memory.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "engine/memory/memory_dedup_store.h"
#include "engine/memory/memory_space.h"
#include "engine/store.h"

namespace prism::engine {

// How a model keeps its data in memory. What `make` returns must be thread-safe.
struct MemoryModel {
  std::string_view id;  // that of its Model
  std::unique_ptr<ModelStore> (*make)(MemorySpace& space);
};

// Work runs at once on the caller's thread: no queue, no suspension, no allocation of its own.
// Thread-safe.
class MemoryStore final : public Store {
 public:
  MemoryStore(const contract::NamespaceSettings& settings, models::MemoryBudget& budget,
              Clock& clock, std::span<const MemoryModel* const> models);

  contract::Durability durability() const override { return contract::Durability::kMemory; }
  // Never called: work runs inline.
  Status SubmitRead(StoreWork& work) override;
  Status SubmitWrite(StoreWork& work) override;
  bool Sweep(WallMillis now) override;
  bool MayExpire() override;

  const MemorySpace& space() const { return space_; }
  const Session& session() const { return session_; }

 private:
  static std::vector<std::unique_ptr<ModelStore>> Make(std::span<const MemoryModel* const> models,
                                                       MemorySpace& space);
  static std::vector<ModelStore*> Pointers(const std::vector<std::unique_ptr<ModelStore>>& models);

  MemorySpace space_;
  MemoryDedupStore dedup_;
  std::vector<std::unique_ptr<ModelStore>> models_;
  std::vector<ModelStore*> pointers_;
  Session session_;
};

}  // namespace prism::engine

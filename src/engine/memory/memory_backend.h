// The backend "memory": fast, gone with the process.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "contract/backend.h"
#include "engine/local_engine.h"
#include "engine/memory/memory_store.h"

namespace prism::engine {

// The models that memory has stores for.
std::span<const MemoryModel* const> BuiltinMemoryModels();

// Keeps every namespace that was opened until it is destroyed, also when the configuration drops
// it: what comes back finds its data. Thread-safe.
class MemoryBackend final : public contract::Backend {
 public:
  static constexpr contract::BackendTraits kTraits = {
      .type = "memory",
      .durability = contract::Durability::kMemory,
      .ordered_scan = true,
      .dedup = true,
      .ttl_precision_ms = 1,
      .strongest = contract::Consistency::kStrong,
  };

  // FAILED_PRECONDITION/MODEL_WITHOUT_STORE when the engine has a model that is not among `stores`.
  static Result<std::unique_ptr<MemoryBackend>> Make(
      LocalEngine& engine, std::span<const MemoryModel* const> stores = BuiltinMemoryModels());

  const contract::BackendTraits& traits() const override { return kTraits; }
  std::span<const contract::InterfaceInfo* const> Interfaces() const override {
    return engine_.Interfaces();
  }
  Result<std::shared_ptr<contract::NamespaceBackend>> Open(
      const contract::NamespaceSettings& settings) override;
  // Never fails.
  Status Purge(std::string_view ns) override;
  Status Health() override { return {}; }

 private:
  MemoryBackend(LocalEngine& engine, std::vector<const MemoryModel*> stores)
      : engine_(engine), stores_(std::move(stores)) {}

  LocalEngine& engine_;
  const std::vector<const MemoryModel*> stores_;  // in the order of the engine's models
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<LocalNamespace>, std::less<>> namespaces_;
};

}  // namespace prism::engine

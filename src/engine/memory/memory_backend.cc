#include "engine/memory/memory_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/memory/memory_keyvalue_store.h"

namespace prism::engine {
namespace {

template <class S>
std::unique_ptr<ModelStore> MakeStore(MemorySpace& space) {
  return std::make_unique<S>(space);
}

constexpr MemoryModel kKeyValue = {.id = "keyvalue", .make = &MakeStore<MemoryKeyValueStore>};
constexpr std::array<const MemoryModel*, 1> kModels = {&kKeyValue};

}  // namespace

std::span<const MemoryModel* const> BuiltinMemoryModels() { return kModels; }

Result<std::unique_ptr<MemoryBackend>> MemoryBackend::Make(
    LocalEngine& engine, std::span<const MemoryModel* const> stores) {
  std::vector<const MemoryModel*> ordered;
  for (const Model* model : engine.models()) {
    const auto found = std::ranges::find(stores, model->id, &MemoryModel::id);
    if (found == stores.end()) {
      return std::unexpected(
          Error(Code::kFailedPrecondition, "MODEL_WITHOUT_STORE",
                fmt::format("The memory engine has no store for the model {}; add one to its list "
                            "of models.",
                            model->id)));
    }
    ordered.push_back(*found);
  }
  return std::unique_ptr<MemoryBackend>(new MemoryBackend(engine, std::move(ordered)));
}

Result<std::shared_ptr<contract::NamespaceBackend>> MemoryBackend::Open(
    const contract::NamespaceSettings& settings) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<LocalNamespace>& open = namespaces_[settings.name];
  if (open == nullptr) {
    open = engine_.Serve(settings, std::make_unique<MemoryStore>(settings, engine_.budget(),
                                                                 engine_.clock(), stores_));
  } else {
    open->Configure(settings);
  }
  return open;
}

Status MemoryBackend::Purge(std::string_view ns) {
  std::shared_ptr<LocalNamespace> gone;  // after the lock: freeing much takes a while
  const std::lock_guard lock(mutex_);
  const auto found = namespaces_.find(ns);
  if (found == namespaces_.end()) return {};
  gone = std::move(found->second);
  namespaces_.erase(found);
  return {};
}

}  // namespace prism::engine

#include "engine/local_engine.h"

#include <algorithm>
#include <random>

namespace prism::engine {
namespace {

std::uint64_t RandomInstance() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

}  // namespace

LocalEngine::LocalEngine(LocalEngineOptions options, Clock& clock, models::MemoryBudget& budget,
                         std::span<const Model* const> models)
    : options_(options),
      clock_(clock),
      budget_(budget),
      instance_(RandomInstance()),
      models_(models.begin(), models.end()) {
  for (const Model* model : models_) {
    interfaces_.insert(interfaces_.end(), model->interfaces.begin(), model->interfaces.end());
  }
}

std::shared_ptr<LocalNamespace> LocalEngine::Serve(const contract::NamespaceSettings& settings,
                                                   std::unique_ptr<Store> store) {
  auto made = std::make_shared<LocalNamespace>(*this, settings, std::move(store));
  janitor_.Add(made);
  return made;
}

LocalNamespace::LocalNamespace(LocalEngine& engine, const contract::NamespaceSettings& settings,
                               std::unique_ptr<Store> store)
    : engine_(engine), name_(settings.name), store_(std::move(store)) {
  std::size_t slot = 0;
  for (const Model* model : engine.models()) {
    services_.push_back(
        model->serve({.engine = engine, .store = *store_, .slot = slot++, .ns = name_}));
  }
}

LocalNamespace::~LocalNamespace() = default;

void* LocalNamespace::Find(const contract::InterfaceInfo& info) {
  for (const auto& service : services_) {
    if (void* found = service->provider().Find(info)) return found;
  }
  return nullptr;
}

bool LocalNamespace::Sweep() {
  const MonoNanos now = MonotonicNow();
  for (const auto& service : services_) service->Sweep(now);
  return store_->Sweep(engine_.clock().Now());
}

bool LocalNamespace::Idle() {
  return !store_->MayExpire() &&
         std::ranges::all_of(services_, [](const auto& service) { return service->Idle(); });
}

}  // namespace prism::engine

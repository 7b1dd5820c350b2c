// LocalEngine: the services of all models over any store. Written once, so that the embedded
// backends can't diverge.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "contract/backend.h"
#include "engine/memory/janitor.h"
#include "engine/model.h"
#include "engine/store.h"
#include "models/memory_budget.h"
#include "models/page_token.h"

namespace prism::engine {

struct LocalEngineOptions {
  // Authenticates page tokens over stores that have no key of their own.
  models::TokenKey token_key = models::TokenKey::Random();
  // Open transactions a namespace; RESOURCE_EXHAUSTED/TOO_MANY_TRANSACTIONS beyond it.
  std::size_t max_transactions = 1000;
  // Of a unary response message; what would be larger is RESPONSE_TOO_LARGE.
  std::size_t max_response_bytes = (4u << 20) + 64 * 1024;
};

class LocalNamespace;

// One per process, owned by app/, outlives the backends on it. Thread-safe after construction.
class LocalEngine {
 public:
  LocalEngine(LocalEngineOptions options, Clock& clock, models::MemoryBudget& budget,
              std::span<const Model* const> models);
  LocalEngine(const LocalEngine&) = delete;
  LocalEngine& operator=(const LocalEngine&) = delete;

  // The services of all models over this store.
  std::shared_ptr<LocalNamespace> Serve(const contract::NamespaceSettings& settings,
                                        std::unique_ptr<Store> store);

  const LocalEngineOptions& options() const { return options_; }
  Clock& clock() { return clock_; }
  models::MemoryBudget& budget() { return budget_; }
  // Random, new at each start: tells transactions of this process from those of others.
  std::uint64_t instance() const { return instance_; }
  // Slots of a Session follow this order.
  std::span<const Model* const> models() const { return models_; }
  // Those of all models.
  std::span<const contract::InterfaceInfo* const> Interfaces() const { return interfaces_; }

 private:
  const LocalEngineOptions options_;
  Clock& clock_;
  models::MemoryBudget& budget_;
  const std::uint64_t instance_;
  std::vector<const Model*> models_;
  std::vector<const contract::InterfaceInfo*> interfaces_;
  Janitor janitor_;
};

// One namespace: its store and the services over it. Lives as long as somebody is bound to it.
class LocalNamespace final : public contract::NamespaceBackend, public Sweepable {
 public:
  LocalNamespace(LocalEngine& engine, const contract::NamespaceSettings& settings,
                 std::unique_ptr<Store> store);
  ~LocalNamespace() override;

  std::span<const contract::InterfaceInfo* const> Interfaces() const override {
    return engine_.Interfaces();
  }
  void* Find(const contract::InterfaceInfo& info) override;

  // New limits for what is already open; requests in flight meet either.
  void Configure(const contract::NamespaceSettings& settings) { store_->limits().Apply(settings); }
  bool Sweep() override;
  bool Idle() override;
  SweepMark* mark() override { return &store_->sweep_mark(); }
  Store& store() { return *store_; }

 private:
  LocalEngine& engine_;
  const std::string name_;
  std::unique_ptr<Store> store_;
  std::vector<std::unique_ptr<ModelService>> services_;
};

}  // namespace prism::engine

#include "engine/memory/memory_store.h"

#include <algorithm>

namespace prism::engine {
namespace {

// Records that one call of Sweep removes of each model, at most.
constexpr std::size_t kSweepBudget = 4096;

}  // namespace

MemoryStore::MemoryStore(const contract::NamespaceSettings& settings, models::MemoryBudget& budget,
                         Clock& clock, std::span<const MemoryModel* const> models)
    : Store(settings),
      space_(budget, limits(), clock),
      dedup_(space_),
      models_(Make(models, space_)),
      pointers_(Pointers(models_)),
      session_(pointers_, dedup_) {
  RunInline(session_);
}

std::vector<std::unique_ptr<ModelStore>> MemoryStore::Make(
    std::span<const MemoryModel* const> models, MemorySpace& space) {
  std::vector<std::unique_ptr<ModelStore>> made;
  for (const MemoryModel* model : models) made.push_back(model->make(space));
  return made;
}

std::vector<ModelStore*> MemoryStore::Pointers(
    const std::vector<std::unique_ptr<ModelStore>>& models) {
  std::vector<ModelStore*> pointers;
  for (const auto& model : models) pointers.push_back(model.get());
  return pointers;
}

Status MemoryStore::SubmitRead(StoreWork& work) {
  work.Run(session_);
  work.Finish();
  return {};
}

Status MemoryStore::SubmitWrite(StoreWork& work) { return SubmitRead(work); }

bool MemoryStore::Sweep(WallMillis now) {
  bool more = dedup_.Sweep(now, kSweepBudget);
  for (const auto& model : models_) {
    const auto swept = model->Sweep(now, kSweepBudget);
    more |= swept.has_value() && *swept;  // sweeping memory does not fail
  }
  return more;
}

bool MemoryStore::MayExpire() {
  return !dedup_.empty() ||
         std::ranges::any_of(models_, [](const auto& model) { return model->MayExpire(); });
}

}  // namespace prism::engine

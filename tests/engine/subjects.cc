#include "tests/engine/subjects.h"

#include "engine/memory/memory_backend.h"
#include "engine/memory/memory_store.h"

namespace prism::engine::testing {
namespace {

class MemorySubject final : public Subject {
 public:
  MemorySubject(const contract::NamespaceSettings& settings, Clock& clock)
      : budget_(1u << 30), store_(settings, budget_, clock, BuiltinMemoryModels()) {}
  std::string_view name() const override { return "memory"; }
  const Session& session() override { return store_.session(); }

 private:
  MemoryBudget budget_;
  MemoryStore store_;
};

}  // namespace

std::vector<std::unique_ptr<Subject>> AllSubjects(const contract::NamespaceSettings& settings,
                                                  Clock& clock) {
  std::vector<std::unique_ptr<Subject>> subjects;
  subjects.push_back(std::make_unique<MemorySubject>(settings, clock));
  return subjects;
}

}  // namespace prism::engine::testing

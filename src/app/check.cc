#include "app/check.h"

#include <fmt/format.h>

#include "app/backend_settings.h"
#include "app/identity.h"
#include "backends/builtin_backends.h"
#include "base/clock.h"
#include "base/scratch_directory.h"
#include "contract/all_interfaces.h"
#include "engine/local_engine.h"
#include "engine/models.h"
#include "gateway/binder.h"
#include "models/memory_budget.h"

namespace prism::app {

namespace {

// Those that have been refused would not have been bound.
std::vector<std::string> NotServed(const gateway::RoutingTable& table) {
  std::vector<std::string> lines;
  for (const gateway::BackendState& state : table.backends()) {
    if (!state.error) continue;
    lines.push_back(fmt::format("{}: {}", state.error->reason(), state.error->message()));
  }
  for (const auto& entry : table.entries()) {
    if (!entry->refused || entry->refused->reason() != "PATTERN_NOT_INSTALLED") continue;
    lines.push_back(fmt::format("{}: {}", entry->refused->reason(), entry->refused->message()));
  }
  return lines;
}

}  // namespace

Result<std::vector<std::string>> CheckServable(
    const ServerSettings& settings, const std::shared_ptr<const namespaces::Snapshot>& snapshot) {
  TRY(Identity::CheckLists(settings.admins, *snapshot));
  TRY_ASSIGN(const auto scratch, base::ScratchDirectory::Make("prism-check"));
  SystemClock clock;
  models::MemoryBudget budget(settings.memory_max_bytes);
  engine::LocalEngine engine({}, clock, budget, engine::BuiltinModels());
  gateway::Binder binder(
      contract::AllInterfaces(),
      [&](const namespaces::BackendConfig& config) -> Result<std::shared_ptr<contract::Backend>> {
        TRY_ASSIGN(backends::BackendSettings resolved, Resolve(config));
        resolved.connection.clear();
        return backends::MakeBackend(
            config.type, {.engine = engine, .data_dir = scratch.File(config.name)}, resolved);
      });
  const auto table = binder.Bind(snapshot);
  TRY(binder.Check(*table, true));
  return NotServed(*table);
}

}  // namespace prism::app

#include "backends/builtin_backends.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "engine/memory/memory_backend.h"
#include "engine/sqlite/sqlite_backend.h"

namespace prism::backends {

namespace {

Result<std::shared_ptr<contract::Backend>> MakeMemory(const BackendServices& services,
                                                      const BackendSettings&) {
  TRY_ASSIGN(std::shared_ptr<contract::Backend> made, engine::MemoryBackend::Make(services.engine));
  return made;
}

// Its connection is a directory of its own; without one it has the server's.
Result<std::shared_ptr<contract::Backend>> MakeSqlite(const BackendServices& services,
                                                      const BackendSettings& settings) {
  engine::SqliteBackendOptions options;
  options.data_dir = settings.connection.empty() ? services.data_dir : settings.connection;
  TRY_ASSIGN(std::shared_ptr<contract::Backend> made,
             engine::SqliteBackend::Make(services.engine, std::move(options)));
  return made;
}

constexpr std::array<BuiltinBackend, 2> kBuiltin = {{
    {.type = "memory", .one_per_connection = false, .make = &MakeMemory},
    {.type = "sqlite", .one_per_connection = true, .make = &MakeSqlite},
}};

}  // namespace

std::span<const BuiltinBackend> BuiltinBackends() { return kBuiltin; }

const BuiltinBackend* FindBuiltin(std::string_view type) {
  const auto* found = std::ranges::find(kBuiltin, type, &BuiltinBackend::type);
  return found == kBuiltin.end() ? nullptr : found;
}

Result<std::shared_ptr<contract::Backend>> MakeBackend(std::string_view type,
                                                       const BackendServices& services,
                                                       const BackendSettings& settings) {
  if (const BuiltinBackend* builtin = FindBuiltin(type)) return builtin->make(services, settings);
  std::vector<std::string_view> known;
  for (const BuiltinBackend& backend : kBuiltin) known.push_back(backend.type);
  return std::unexpected(
      Error(Code::kFailedPrecondition, "DRIVER_NOT_INSTALLED",
            fmt::format("the backend \"{}\" is of type {}, whose driver is not part of this "
                        "program: use one of {}, or a build that has it",
                        settings.name, type, fmt::join(known, ", ")))
          .With("backend", settings.name)
          .With("type", std::string(type)));
}

}  // namespace prism::backends

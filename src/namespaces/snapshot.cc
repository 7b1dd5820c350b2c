#include "namespaces/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace prism::namespaces {

namespace {

constexpr std::array<std::string_view, 10> kModels = {
    "keyvalue", "pubsub",    "stream",     "queue", "list",
    "set",      "sortedset", "timeseries", "graph", "document"};

constexpr std::array<std::string_view, 16> kPatterns = {
    "cache",         "cdc",    "claim-check",        "event-sourcing", "mailbox", "migrate",
    "outbox",        "pii",    "multicast-registry", "resilience",     "saga",    "shadow",
    "session-store", "tiered", "work-queue",         "write-ahead-log"};

template <class T>
const T* FindByName(const ConfigList<T>& sorted, std::string_view name) {
  const auto it = std::ranges::lower_bound(sorted, name, {}, &T::name);
  return it != sorted.end() && it->name == name ? &*it : nullptr;
}

NamespaceConfig OnBackend(std::string name, std::string backend) {
  NamespaceConfig config;
  config.settings.name = name;
  config.name = std::move(name);
  config.backend = std::move(backend);
  return config;
}

}  // namespace

std::string_view NamespaceStatusName(NamespaceStatus status) { return NameOf(status); }

const BackendConfig* Snapshot::FindBackend(std::string_view name) const {
  return FindByName(backends, name);
}

const NamespaceConfig* Snapshot::FindNamespace(std::string_view name) const {
  return FindByName(namespaces, name);
}

std::vector<std::string> BackendsOf(const NamespaceConfig& config) {
  std::vector<std::string> names = {config.backend};
  for (const PatternConfig& pattern : config.patterns) {
    for (const SlotConfig& slot : pattern.slots) names.push_back(slot.backend);
  }
  if (config.shadow) names.push_back(config.shadow->backend);
  return names;
}

std::vector<std::string> PatternsOf(const NamespaceConfig& config) {
  std::vector<std::string> ids;
  if (config.shadow) ids.emplace_back(kShadowPattern);
  for (const PatternConfig& pattern : config.patterns) ids.push_back(pattern.type);
  if (config.patterns.empty() && !config.pattern.empty()) ids.push_back(config.pattern);
  return ids;
}

Status CheckReferences(const Snapshot& snapshot) {
  std::optional<Error> error;
  const auto check = [&](const NamespaceConfig& ns, const std::string& backend) {
    if (snapshot.FindBackend(backend) != nullptr) return;
    if (!error) {
      error = Error(Code::kInvalidArgument, "BACKEND_NOT_FOUND",
                    fmt::format("there is no backend \"{}\", which the namespace \"{}\" is on",
                                backend, ns.name));
    }
    error = std::move(*error).WithField("namespaces." + ns.name,
                                        fmt::format("there is no backend \"{}\"", backend));
  };
  for (const NamespaceConfig& ns : snapshot.namespaces) {
    for (const std::string& backend : BackendsOf(ns)) check(ns, backend);
  }
  if (error) return std::unexpected(*std::move(error));
  return {};
}

bool IsDataModel(std::string_view pattern) {
  return std::ranges::find(kModels, pattern) != kModels.end();
}

bool IsPattern(std::string_view pattern) {
  return std::ranges::find(kPatterns, pattern) != kPatterns.end();
}

std::optional<std::string> NearestPattern(std::string_view id) {
  std::vector<std::string> known(kModels.begin(), kModels.end());
  known.insert(known.end(), kPatterns.begin(), kPatterns.end());
  return base::NearestMatch(id, known);
}

std::vector<BackendConfig> BuiltinBackends() {
  return {{.name = "memory", .type = "memory", .connection = {}, .username = {}, .password = {}},
          {.name = "sqlite", .type = "sqlite", .connection = {}, .username = {}, .password = {}}};
}

std::vector<NamespaceConfig> BuiltinNamespaces() {
  return {OnBackend("default", "sqlite"), OnBackend("scratch", "memory")};
}

Result<std::shared_ptr<const Snapshot>> DefaultSource::Load() {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->backends = BuiltinBackends();
  snapshot->namespaces = BuiltinNamespaces();
  return snapshot;
}

}  // namespace prism::namespaces

#include "gateway/binder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "gateway/missing_interfaces.h"
#include "gateway/unbindable.h"

namespace prism::gateway {

namespace {

Error PatternNotInstalled(const std::string& ns, const std::string& pattern) {
  return Error(
             Code::kFailedPrecondition, "PATTERN_NOT_INSTALLED",
             fmt::format("the namespace \"{}\" uses the pattern \"{}\", which is not part of this "
                         "program: use a data model such as keyvalue, or a build that has it",
                         ns, pattern))
      .With("namespace", ns)
      .With("pattern", pattern);
}

Error NamespaceDisabled(const namespaces::NamespaceConfig& config) {
  return Error(Code::kFailedPrecondition, "NAMESPACE_DISABLED",
               fmt::format("the namespace \"{}\" is disabled: its data is kept, and whoever "
                           "administers it can enable it again",
                           config.name))
      .With("namespace", config.name);
}

// `old`: the entry before, or nullptr.
std::int64_t FeaturesRevision(const namespaces::NamespaceConfig& config, std::int64_t revision,
                              const NamespaceEntry* old) {
  if (old == nullptr) return std::max<std::int64_t>(revision, 1);
  if (old->config.features == config.features) return old->features_revision;
  return std::max(revision, old->features_revision + 1);
}

}  // namespace

Binder::Binder(std::span<const contract::InterfaceInfo* const> interfaces, BackendFactory factory)
    : interfaces_(interfaces), factory_(std::move(factory)) {}

std::shared_ptr<const RoutingTable> Binder::Bind(
    std::shared_ptr<const namespaces::Snapshot> snapshot) {
  std::vector<BackendState> backends = BindBackends(*snapshot);
  std::vector<std::shared_ptr<const NamespaceEntry>> entries;
  entries.reserve(snapshot->namespaces.size());
  // Both are sorted by name.
  std::span<const std::shared_ptr<const NamespaceEntry>> old;
  if (current_ != nullptr) old = current_->entries();
  for (auto ns = snapshot->namespaces.begin(); ns != snapshot->namespaces.end(); ++ns) {
    const BackendState* const backend = FindBackend(backends, ns->backend);
    while (!old.empty() && old.front()->config.name < ns->name) old = old.subspan(1);
    const bool known = !old.empty() && old.front()->config.name == ns->name;
    if (known && old.front()->IsOf(ns.item()) && !old.front()->refused &&
        old.front()->backend_config == backend->config) {
      entries.push_back(old.front());
      continue;
    }
    const auto entry = std::make_shared<NamespaceEntry>(ns.item(), backend->config);
    entry->features_revision =
        FeaturesRevision(*ns, snapshot->revision, known ? old.front().get() : nullptr);
    BindNamespace(*entry, *backend, backends);
    entries.push_back(entry);
  }
  return std::make_shared<const RoutingTable>(std::move(snapshot), std::move(backends),
                                              std::move(entries));
}

Status Binder::Check(const RoutingTable& table, bool force) const {
  return CheckBound(current_.get(), table, interfaces_, force);
}

void Binder::Commit(std::shared_ptr<const RoutingTable> table) {
  if (current_ != nullptr) {
    // Both are sorted by name, and so is what they don't share.
    auto now = table->entries().begin();
    for (const auto& entry : current_->entries()) {
      while (now != table->entries().end() && (*now)->config.name < entry->config.name) ++now;
      if (now == table->entries().end() || *now != entry) old_entries_.push_back(entry);
    }
    old_tables_.push_back(std::move(current_));
  }
  current_ = std::move(table);
}

std::vector<BackendState> Binder::BindBackends(const namespaces::Snapshot& snapshot) const {
  std::vector<BackendState> states;
  for (const namespaces::BackendConfig& config : snapshot.backends) {
    const BackendState* old = nullptr;
    if (current_ != nullptr) {
      const auto it = std::ranges::find_if(current_->backends(), [&config](const auto& state) {
        return state.config == config && state.backend != nullptr;
      });
      if (it != current_->backends().end()) old = &*it;
    }
    if (old != nullptr) {
      states.push_back(*old);
      continue;
    }
    BackendState& state = states.emplace_back(BackendState{config, nullptr, std::nullopt});
    auto made = factory_(config);
    if (made) {
      state.backend = *std::move(made);
    } else {
      state.error = std::move(made).error();
    }
  }
  return states;
}

void Binder::BindNamespace(NamespaceEntry& entry, const BackendState& backend,
                           std::span<const BackendState> backends) const {
  const namespaces::NamespaceConfig& config = entry.config;
  entry.services.assign(interfaces_.size(), nullptr);
  if (config.status == namespaces::NamespaceStatus::kDisabled) {
    entry.refused = NamespaceDisabled(config);
    return;
  }
  for (const std::string& pattern : namespaces::PatternsOf(config)) {
    if (namespaces::IsDataModel(pattern)) continue;
    entry.refused = PatternNotInstalled(config.name, pattern);
    return;
  }
  if (backend.backend == nullptr) {
    entry.refused = *backend.error;
    return;
  }
  entry.owner = backend.backend;
  if (auto missing = MissingConsistency(config, backend, backends)) {
    entry.refused = *std::move(missing);
    return;
  }
  auto opened = backend.backend->Open(config.settings);
  if (!opened) {
    entry.refused = std::move(opened).error();
    return;
  }
  entry.backend = *std::move(opened);
  entry.durability = backend.backend->traits().durability;
  for (std::size_t i = 0; i < interfaces_.size(); ++i) {
    if (entry.Offers(*interfaces_[i])) entry.services[i] = entry.backend->Find(*interfaces_[i]);
  }
}

std::size_t Binder::Sweep() {
  // Tables first: they hold entries. What only we hold can't be taken by a shard any more.
  std::erase_if(old_tables_, [](const auto& table) { return table.use_count() == 1; });
  std::erase_if(old_entries_, [](const auto& entry) { return entry.use_count() == 1; });
  return old_tables_.size() + old_entries_.size();
}

bool Binder::Holds(std::string_view ns) const {
  const auto has = [ns](const auto& table) { return table->Find(ns) != nullptr; };
  return (current_ != nullptr && has(current_)) || std::ranges::any_of(old_tables_, has) ||
         std::ranges::any_of(old_entries_,
                             [ns](const auto& entry) { return entry->config.name == ns; });
}

}  // namespace prism::gateway

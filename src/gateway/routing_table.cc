#include "gateway/routing_table.h"

#include <algorithm>

namespace prism::gateway {

std::vector<std::string_view> NamespaceEntry::Interfaces() const {
  std::vector<std::string_view> ids;
  if (backend == nullptr) return ids;
  for (const contract::InterfaceInfo* interface : backend->Interfaces()) {
    if (Offers(*interface)) ids.push_back(interface->id);
  }
  std::ranges::sort(ids);
  return ids;
}

const BackendState* FindBackend(std::span<const BackendState> sorted, std::string_view name) {
  const auto it = std::ranges::lower_bound(
      sorted, name, {},
      [](const BackendState& state) -> std::string_view { return state.config.name; });
  return it != sorted.end() && it->config.name == name ? &*it : nullptr;
}

RoutingTable::RoutingTable(std::shared_ptr<const namespaces::Snapshot> snapshot,
                           std::vector<BackendState> backends,
                           std::vector<std::shared_ptr<const NamespaceEntry>> entries)
    : snapshot_(std::move(snapshot)), backends_(std::move(backends)), entries_(std::move(entries)) {
  by_name_.reserve(entries_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i) by_name_[entries_[i]->config.name] = i;
}

const std::shared_ptr<const NamespaceEntry>* RoutingTable::Find(std::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : &entries_[it->second];
}

std::vector<std::string> RoutingTable::BackendsWith(
    const contract::InterfaceInfo& interface) const {
  std::vector<std::string> names;
  for (const BackendState& state : backends_) {
    if (state.backend == nullptr) continue;
    const auto has = state.backend->Interfaces();
    if (std::ranges::find(has, &interface) != has.end()) names.push_back(state.config.name);
  }
  return names;
}

}  // namespace prism::gateway

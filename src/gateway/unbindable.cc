#include "gateway/unbindable.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace prism::gateway {

namespace {

struct Mistake {
  std::string at;
  Error error;
};

bool MayBeConfigured(const Error& error) {
  static constexpr std::array<std::string_view, 3> kReasons = {
      "DRIVER_NOT_INSTALLED", "PATTERN_NOT_INSTALLED", "NAMESPACE_DISABLED"};
  return std::ranges::find(kReasons, error.reason()) != kReasons.end();
}

bool IsNew(const RoutingTable& current, const BackendState& state) {
  return std::ranges::find(current.backends(), state.config, &BackendState::config) ==
         current.backends().end();
}

bool IsNew(const NamespaceEntry* old, const NamespaceEntry& entry) {
  return old == nullptr || (old != &entry && (!old->IsOf(entry.shared_config) ||
                                              old->backend_config != entry.backend_config));
}

std::vector<std::string_view> Lost(const NamespaceEntry& old, const NamespaceEntry& entry,
                                   std::span<const contract::InterfaceInfo* const> interfaces) {
  std::vector<std::string_view> lost;
  if (old.refused) return lost;
  for (std::size_t i = 0; i < old.services.size(); ++i) {
    if (old.services[i] != nullptr && entry.services[i] == nullptr) {
      lost.push_back(interfaces[i]->id);
    }
  }
  return lost;
}

Error Shrinks(const std::string& name, const std::vector<std::string_view>& lost) {
  return Error(Code::kFailedPrecondition, "INTERFACES_WOULD_SHRINK",
               fmt::format("the namespace \"{}\" would no longer offer {}, which its clients may "
                           "use: force it if they do not",
                           name, fmt::join(lost, ", ")))
      .With("namespace", name);
}

Error Together(const std::vector<Mistake>& mistakes) {
  Error error(Code::kFailedPrecondition, "CONFIG_UNBINDABLE",
              fmt::format("{} backends or namespaces can't be served as they would be; nothing was "
                          "changed",
                          mistakes.size()));
  for (const Mistake& mistake : mistakes) {
    error = std::move(error).WithField(
        mistake.at, fmt::format("{}: {}", mistake.error.reason(), mistake.error.message()));
  }
  return error;
}

}  // namespace

Status CheckBound(const RoutingTable& current, const RoutingTable& next,
                  std::span<const contract::InterfaceInfo* const> interfaces, bool force) {
  std::vector<Mistake> mistakes;
  for (const BackendState& state : next.backends()) {
    if (!state.error || MayBeConfigured(*state.error) || !IsNew(current, state)) continue;
    mistakes.push_back({"backends." + state.config.name, *state.error});
  }
  // Both are sorted by name.
  auto place = current.entries().begin();
  for (const auto& entry : next.entries()) {
    const std::string& name = entry->config.name;
    while (place != current.entries().end() && (*place)->config.name < name) ++place;
    const bool known = place != current.entries().end() && (*place)->config.name == name;
    const NamespaceEntry* old = known ? place->get() : nullptr;
    if (!IsNew(old, *entry)) continue;
    if (entry->refused && !MayBeConfigured(*entry->refused)) {
      // What its backend lacks has been named above.
      if (entry->owner != nullptr) mistakes.push_back({"namespaces." + name, *entry->refused});
      continue;
    }
    const bool disabled = entry->config.status == namespaces::NamespaceStatus::kDisabled;
    if (force || disabled || old == nullptr) continue;
    const auto lost = Lost(*old, *entry, interfaces);
    if (!lost.empty()) mistakes.push_back({"namespaces." + name, Shrinks(name, lost)});
  }
  if (mistakes.empty()) return {};
  return std::unexpected(mistakes.size() == 1 ? mistakes.front().error : Together(mistakes));
}

}  // namespace prism::gateway

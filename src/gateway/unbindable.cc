#include "gateway/unbindable.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "gateway/missing_interfaces.h"
#include "namespaces/problems.h"

namespace prism::gateway {

namespace {

bool MayBeConfigured(const Error& error) {
  static constexpr std::array<std::string_view, 3> kReasons = {
      "DRIVER_NOT_INSTALLED", "PATTERN_NOT_INSTALLED", "NAMESPACE_DISABLED"};
  return std::ranges::find(kReasons, error.reason()) != kReasons.end();
}

bool IsNew(const RoutingTable* current, const BackendState& state) {
  return current == nullptr ||
         std::ranges::find(current->backends(), state.config, &BackendState::config) ==
             current->backends().end();
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

Error UnknownPattern(const std::string& name, const std::string& pattern) {
  const auto nearest = namespaces::NearestPattern(pattern);
  return Error(Code::kFailedPrecondition, "PATTERN_NOT_INSTALLED",
               fmt::format("the namespace \"{}\" names \"{}\", which is neither a data model nor a "
                           "pattern: {}",
                           name, pattern,
                           nearest ? fmt::format("did you mean \"{}\"?", *nearest)
                                   : "use a data model such as keyvalue"))
      .With("namespace", name)
      .With("pattern", pattern);
}

// What is wrong with a namespace whether or not it is served.
void AddOwn(const RoutingTable& table, const namespaces::NamespaceConfig& config,
            std::vector<BindingMistake>& mistakes) {
  for (const std::string& pattern : namespaces::PatternsOf(config)) {
    if (namespaces::IsDataModel(pattern) || namespaces::IsPattern(pattern)) continue;
    mistakes.push_back({"namespaces." + config.name, UnknownPattern(config.name, pattern)});
  }
  std::ranges::move(MissingInterfaces(table, config), std::back_inserter(mistakes));
}

// A mistake for each field that the error names, for it is the first one's message that it has.
void AddBackend(const BackendState& state, std::vector<BindingMistake>& mistakes) {
  const Error& error = *state.error;
  if (error.fields().size() < 2) {
    const std::string at = "backends." + state.config.name;
    mistakes.push_back({error.fields().empty() ? at : error.fields().front().field, error});
    return;
  }
  for (const Error::FieldViolation& field : error.fields()) {
    mistakes.push_back({field.field, Error(error.code(), error.reason(), field.description)});
  }
}

Error Together(std::span<const BindingMistake> mistakes) {
  const std::size_t named = std::min(mistakes.size(), namespaces::Problems::kMaxKept);
  Error error(
      Code::kFailedPrecondition, "CONFIG_UNBINDABLE",
      fmt::format("{} mistakes in backends or namespaces, which can't be served so{}; "
                  "nothing was changed",
                  mistakes.size(),
                  named == mistakes.size() ? "" : fmt::format(" (the first {} are named)", named)));
  for (const BindingMistake& mistake : mistakes.first(named)) {
    error = std::move(error).WithField(
        mistake.at, fmt::format("{}: {}", mistake.error.reason(), mistake.error.message()));
  }
  return error;
}

// Of those that `current` does not have, or does not have so.
std::vector<BindingMistake> BackendMistakes(const RoutingTable* current, const RoutingTable& next) {
  std::vector<BindingMistake> mistakes;
  for (const BackendState& state : next.backends()) {
    if (!state.error || MayBeConfigured(*state.error) || !IsNew(current, state)) continue;
    AddBackend(state, mistakes);
  }
  return mistakes;
}

Status ErrorOf(std::span<const BindingMistake> mistakes) {
  if (mistakes.empty()) return {};
  return std::unexpected(mistakes.size() == 1 ? mistakes.front().error : Together(mistakes));
}

}  // namespace

Status CheckBackends(const RoutingTable& table) { return ErrorOf(BackendMistakes(nullptr, table)); }

Status CheckBound(const RoutingTable* current, const RoutingTable& next,
                  std::span<const contract::InterfaceInfo* const> interfaces, bool force) {
  std::vector<BindingMistake> mistakes = BackendMistakes(current, next);
  // Both are sorted by name.
  std::span<const std::shared_ptr<const NamespaceEntry>> before;
  if (current != nullptr) before = current->entries();
  for (const auto& entry : next.entries()) {
    const std::string& name = entry->config.name;
    while (!before.empty() && before.front()->config.name < name) before = before.subspan(1);
    const bool known = !before.empty() && before.front()->config.name == name;
    const NamespaceEntry* old = known ? before.front().get() : nullptr;
    if (!IsNew(old, *entry)) continue;
    const std::size_t others = mistakes.size();
    AddOwn(next, entry->config, mistakes);
    if (entry->refused && !MayBeConfigured(*entry->refused)) {
      // What its backend lacks has been named above.
      if (entry->owner != nullptr) mistakes.push_back({"namespaces." + name, *entry->refused});
      continue;
    }
    const bool disabled = entry->config.status == namespaces::NamespaceStatus::kDisabled;
    if (force || disabled || old == nullptr || mistakes.size() > others) continue;
    const auto lost = Lost(*old, *entry, interfaces);
    if (!lost.empty()) mistakes.push_back({"namespaces." + name, Shrinks(name, lost)});
  }
  return ErrorOf(mistakes);
}

}  // namespace prism::gateway

#include "gateway/missing_interfaces.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "base/strings.h"

namespace prism::gateway {

namespace {

// What backends offer, by the id of an interface or by that of its data model.
using Key = std::string_view contract::InterfaceInfo::*;

// nullptr: there is none of that name, or it could not be made.
const BackendState* FindMade(const RoutingTable& table, std::string_view name) {
  const BackendState* state = FindBackend(table.backends(), name);
  return state != nullptr && state->backend != nullptr ? state : nullptr;
}

bool Has(const BackendState& state, Key key, std::string_view wanted) {
  return std::ranges::any_of(
      state.backend->Interfaces(),
      [&](const contract::InterfaceInfo* interface) { return interface->*key == wanted; });
}

// Sorted, each once.
std::vector<std::string> Offered(const BackendState& state, Key key) {
  std::set<std::string> offered;
  for (const contract::InterfaceInfo* interface : state.backend->Interfaces()) {
    offered.emplace(interface->*key);
  }
  return {offered.begin(), offered.end()};
}

// `asker` begins the message: "the slot "x" of ...".
Error Missing(const RoutingTable& table, const BackendState& state, Key key,
              const std::string& wanted, const std::string& asker) {
  const std::vector<std::string> has = Offered(state, key);
  std::vector<std::string_view> others;
  for (const BackendState& other : table.backends()) {
    if (other.backend != nullptr && Has(other, key, wanted)) others.push_back(other.config.name);
  }
  const auto nearest = base::NearestMatch(wanted, has);
  const std::string advice =
      !others.empty() ? fmt::format("configured backends that do: {}", fmt::join(others, ", "))
      : nearest       ? fmt::format("did you mean \"{}\"?", *nearest)
                      : "no configured backend does";
  return Error(Code::kFailedPrecondition, "INTERFACE_NOT_BOUND",
               fmt::format("{}, and the backend \"{}\" ({}) offers {}: {}", asker,
                           state.config.name, state.config.type, fmt::join(has, ", "), advice))
      .With("backend", state.config.name)
      .With("interface", wanted)
      .With("interfaces", fmt::format("{}", fmt::join(has, ",")))
      .With("backends_with_it", fmt::format("{}", fmt::join(others, ",")));
}

}  // namespace

std::optional<Error> MissingConsistency(const namespaces::NamespaceConfig& config,
                                        const BackendState& backend,
                                        std::span<const BackendState> backends) {
  if (config.consistency >= backend.backend->traits().strongest) return std::nullopt;
  std::vector<std::string_view> able;
  for (const BackendState& other : backends) {
    if (other.backend != nullptr && other.backend->traits().strongest <= config.consistency) {
      able.push_back(other.config.name);
    }
  }
  const auto strongest = contract::ConsistencyName(backend.backend->traits().strongest);
  return Error(
             Code::kFailedPrecondition, "CONSISTENCY_UNAVAILABLE",
             fmt::format(
                 "the namespace \"{}\" wants reads to be {}, and the backend \"{}\" ({}) promises "
                 "{} at most: {}",
                 config.name, contract::ConsistencyName(config.consistency), config.backend,
                 backend.config.type, strongest,
                 able.empty()
                     ? fmt::format("no configured backend does; ask for {}", strongest)
                     : fmt::format("configured backends that do: {}", fmt::join(able, ", "))))
      .With("namespace", config.name)
      .With("backend", config.backend)
      .With("strongest", std::string(strongest))
      .With("backends_with_it", fmt::format("{}", fmt::join(able, ",")));
}

std::vector<BindingMistake> MissingInterfaces(const RoutingTable& table,
                                              const namespaces::NamespaceConfig& config) {
  std::vector<BindingMistake> mistakes;
  // Most have what they ask for, and a configuration has many of them.
  const auto lacking = [&](const std::string& backend, Key key,
                           const std::string& wanted) -> const BackendState* {
    const BackendState* state = FindMade(table, backend);
    return state == nullptr || Has(*state, key, wanted) ? nullptr : state;
  };
  if (namespaces::IsDataModel(config.pattern)) {
    constexpr Key kModel = &contract::InterfaceInfo::model;
    if (const BackendState* state = lacking(config.backend, kModel, config.pattern)) {
      Error error = Missing(table, *state, kModel, config.pattern,
                            fmt::format("the namespace \"{}\" is to offer the data model {}",
                                        config.name, config.pattern));
      mistakes.push_back(
          {"namespaces." + config.name, std::move(error).With("namespace", config.name)});
    }
  }
  for (const namespaces::PatternConfig& pattern : config.patterns) {
    for (const namespaces::SlotConfig& slot : pattern.slots) {
      constexpr Key kId = &contract::InterfaceInfo::id;
      if (slot.interface.empty()) continue;
      const BackendState* state = lacking(slot.backend, kId, slot.interface);
      if (state == nullptr) continue;
      Error error = Missing(table, *state, kId, slot.interface,
                            fmt::format("the slot \"{}\" of the namespace \"{}\" is to use {}",
                                        slot.name, config.name, slot.interface));
      mistakes.push_back({fmt::format("namespaces.{}.slots.{}", config.name, slot.name),
                          std::move(error).With("namespace", config.name).With("slot", slot.name)});
    }
  }
  // Binding says it of the others.
  const bool disabled = config.status == namespaces::NamespaceStatus::kDisabled;
  const BackendState* state = disabled ? FindMade(table, config.backend) : nullptr;
  if (state != nullptr) {
    if (auto error = MissingConsistency(config, *state, table.backends())) {
      mistakes.push_back({"namespaces." + config.name, *std::move(error)});
    }
  }
  return mistakes;
}

}  // namespace prism::gateway

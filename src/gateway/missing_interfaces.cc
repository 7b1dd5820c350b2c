#include "gateway/missing_interfaces.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>

#include "base/strings.h"

namespace prism::gateway {

namespace {

// What backends offer, by the id of an interface or by that of its data model.
using Key = std::string_view contract::InterfaceInfo::*;

// nullptr: there is none of that name, or it could not be made.
const BackendState* FindMade(const RoutingTable& table, const std::string& name) {
  const auto it = std::ranges::lower_bound(
      table.backends(), name, {},
      [](const BackendState& state) -> const std::string& { return state.config.name; });
  const bool made =
      it != table.backends().end() && it->config.name == name && it->backend != nullptr;
  return made ? &*it : nullptr;
}

std::vector<std::string> Offered(const BackendState& state, Key key) {
  std::set<std::string> offered;
  for (const contract::InterfaceInfo* interface : state.backend->Interfaces()) {
    offered.emplace(interface->*key);
  }
  return {offered.begin(), offered.end()};
}

// Nothing: the backend has it. `asker` begins the message: "the slot "x" of ...".
std::optional<Error> Missing(const RoutingTable& table, const BackendState& state, Key key,
                             const std::string& wanted, const std::string& asker) {
  const std::vector<std::string> has = Offered(state, key);
  if (std::ranges::find(has, wanted) != has.end()) return std::nullopt;
  std::vector<std::string> others;
  for (const BackendState& other : table.backends()) {
    if (other.backend == nullptr) continue;
    const auto offered = Offered(other, key);
    if (std::ranges::find(offered, wanted) != offered.end()) others.push_back(other.config.name);
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

std::vector<BindingMistake> MissingInterfaces(const RoutingTable& table,
                                              const namespaces::NamespaceConfig& config) {
  std::vector<BindingMistake> mistakes;
  const auto ask = [&](const std::string& backend, Key key, const std::string& wanted,
                       const std::string& asker, const std::string& slot) {
    const BackendState* state = FindMade(table, backend);
    if (state == nullptr) return;
    auto error = Missing(table, *state, key, wanted, asker);
    if (!error) return;
    *error = std::move(*error).With("namespace", config.name);
    if (!slot.empty()) *error = std::move(*error).With("slot", slot);
    mistakes.push_back(
        {fmt::format("namespaces.{}{}{}", config.name, slot.empty() ? "" : ".slots.", slot),
         *std::move(error)});
  };
  if (namespaces::IsDataModel(config.pattern)) {
    ask(config.backend, &contract::InterfaceInfo::model, config.pattern,
        fmt::format("the namespace \"{}\" is to offer the data model {}", config.name,
                    config.pattern),
        "");
  }
  for (const namespaces::PatternConfig& pattern : config.patterns) {
    for (const namespaces::SlotConfig& slot : pattern.slots) {
      if (slot.interface.empty()) continue;
      ask(slot.backend, &contract::InterfaceInfo::id, slot.interface,
          fmt::format("the slot \"{}\" of the namespace \"{}\" is to use {}", slot.name,
                      config.name, slot.interface),
          slot.name);
    }
  }
  return mistakes;
}

}  // namespace prism::gateway

// What a namespace asks of its backends and they do not have.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "gateway/routing_table.h"

namespace prism::gateway {

// Something in a configuration that can't be served, and where it stands: "namespaces.orders".
struct BindingMistake {
  std::string at;
  Error error;
};

// FAILED_PRECONDITION/CONSISTENCY_UNAVAILABLE when reads of the backend, which has been made,
// promise less than the namespace wants.
std::optional<Error> MissingConsistency(const namespaces::NamespaceConfig& config,
                                        const BackendState& backend,
                                        std::span<const BackendState> backends);

// One FAILED_PRECONDITION/INTERFACE_NOT_BOUND for the data model and for each slot; of a disabled
// namespace, which is not bound, also MissingConsistency. Backends that could not be made are not
// asked: what they have is not known.
std::vector<BindingMistake> MissingInterfaces(const RoutingTable& table,
                                              const namespaces::NamespaceConfig& config);

}  // namespace prism::gateway

// What must not become the configuration: what has changed and can't be served.
#pragma once

#include <span>

#include "base/status.h"
#include "contract/method.h"
#include "gateway/routing_table.h"

namespace prism::gateway {

// Whether `next` may follow `current`; nullptr: nothing was served. Looks at backends and
// namespaces that differ; what can't be served for want of a driver or pattern in this program, and
// what is disabled, may be configured. With one mistake its own error, with more
// FAILED_PRECONDITION/CONFIG_UNBINDABLE, the first 100 each a field: what backends could not be
// made for, by the fields of their errors where these have any; INTERFACE_NOT_BOUND for a data
// model or slot whose backend lacks it, PATTERN_NOT_INSTALLED for what is the id of no pattern at
// all, what binding has said; unless `force`, INTERFACES_WOULD_SHRINK for namespaces that would
// lose interfaces that they offer. `interfaces` in the order of the tables.
Status CheckBound(const RoutingTable* current, const RoutingTable& next,
                  std::span<const contract::InterfaceInfo* const> interfaces, bool force);

// Whether each backend of the table that this program has a driver for could be made. The errors of
// CheckBound.
Status CheckBackends(const RoutingTable& table);

}  // namespace prism::gateway

// Backends as messages of the admin API, and back.
#pragma once

#include <google/protobuf/field_mask.pb.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "gateway/routing_table.h"
#include "namespaces/snapshot.h"
#include "namespaces/store/history.h"
#include "namespaces/store/namespace_filter.h"
#include "prism/admin/v1/backends.pb.h"

namespace prism::gateway {

// Only the settings.
void ToProto(const namespaces::BackendConfig& config, admin::v1::Backend& message);
// With all that is known; `table`, which may be nullptr, says what is served. Asks the backend
// whether it is well, so it may block.
void ToProto(const namespaces::FoundBackend& found, const RoutingTable* table,
             admin::v1::Backend& message);
// DATA_LOSS/CONFIG_RECORD_MALFORMED.
Status ToProto(const namespaces::HistoryEntry& entry, admin::v1::BackendChange& message);

// Checked like one in a file. INVALID_ARGUMENT with all problems, each with its field.
Result<namespaces::BackendConfig> ReadBackend(const admin::v1::Backend& message);
// `old` with the settings of `wanted` that `mask` names (ApplyMask).
Result<namespaces::BackendConfig> UpdateBackend(const namespaces::BackendConfig& old,
                                                const admin::v1::Backend& wanted,
                                                const google::protobuf::FieldMask& mask);

// The namespaces of a snapshot that need a backend.
std::vector<std::string_view> NamespacesOn(const namespaces::Snapshot& snapshot,
                                           std::string_view backend);

}  // namespace prism::gateway

// Namespaces as messages of the admin API, and back.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "gateway/routing_table.h"
#include "namespaces/config_list.h"
#include "namespaces/snapshot.h"
#include "namespaces/store/history.h"
#include "namespaces/store/namespace_filter.h"
#include "prism/admin/v1/namespaces.pb.h"

namespace prism::gateway {

// Only the settings.
void ToProto(const namespaces::NamespaceConfig& config, admin::v1::Namespace& message);
// With all that is known; `table`, which may be nullptr, says what is served.
void ToProto(const namespaces::FoundNamespace& found, const RoutingTable* table,
             admin::v1::Namespace& message);
// DATA_LOSS/CONFIG_RECORD_MALFORMED.
Status ToProto(const namespaces::HistoryEntry& entry, admin::v1::NamespaceChange& message);

// Checked like one in a file, against the backends that there are. INVALID_ARGUMENT with all
// problems, each with its field.
Result<namespaces::NamespaceConfig> ReadNamespace(
    const admin::v1::Namespace& message,
    const namespaces::ConfigList<namespaces::BackendConfig>& backends);

// `old` with the settings of `wanted` that `mask` names (ApplyMask).
Result<namespaces::NamespaceConfig> UpdateNamespace(
    const namespaces::NamespaceConfig& old, const admin::v1::Namespace& wanted,
    const google::protobuf::FieldMask& mask,
    const namespaces::ConfigList<namespaces::BackendConfig>& backends);

// The settings in which two namespaces differ that only administrators of the server may change:
// what it costs them.
std::vector<std::string> ServerSettingsThatDiffer(const namespaces::NamespaceConfig& a,
                                                  const namespaces::NamespaceConfig& b);

}  // namespace prism::gateway

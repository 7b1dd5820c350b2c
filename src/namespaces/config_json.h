// One backend or namespace as JSON, with the keys that prism.yaml has: what the store keeps, what
// its history shows, and what can be pasted back into a file.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

#include "namespaces/snapshot.h"

namespace prism::namespaces {

// Every setting, defaults too: what was stored means the same when a default has changed. Secrets
// are references, as in the configuration.
nlohmann::json ToJson(const BackendConfig& config);
nlohmann::json ToJson(const NamespaceConfig& config);
// One line with sorted keys: equal configurations have equal text.
std::string ToJsonText(const BackendConfig& config);
std::string ToJsonText(const NamespaceConfig& config);

// Reads back what ToJsonText wrote. DATA_LOSS/CONFIG_RECORD_MALFORMED: it is something else.
Result<BackendConfig> BackendFromJson(std::string_view text);
Result<NamespaceConfig> NamespaceFromJson(std::string_view text);

}  // namespace prism::namespaces

// Backends and namespaces as rows of the store's tables, and back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "namespaces/snapshot.h"
#include "namespaces/store/change.h"
#include "namespaces/store/table.h"

namespace prism::namespaces {

// What the store knows of a record beside its configuration.
template <class Config>
struct Record {
  std::int64_t id = 0;
  Config config;
  Revision revision = 0;        // of its newest change
  std::int64_t created_at = 0;  // seconds since 1970, UTC
  std::int64_t updated_at = 0;
  std::string created_by;
};

extern const Table kBackendTable;
extern const Table kNamespaceTable;

NamespaceFacts FactsOf(const Record<NamespaceConfig>& record);

Row ToRow(const Record<BackendConfig>& record);
// `type`: of the backend that the namespace is on.
Row ToRow(const Record<NamespaceConfig>& record, const std::string& type);

Result<Record<BackendConfig>> ToBackendRecord(const Row& row);
Result<Record<NamespaceConfig>> ToNamespaceRecord(const Row& row);

}  // namespace prism::namespaces

// What namespaces and backends can be filtered by: the same in the store's tables and in memory.
#pragma once

#include <string>
#include <string_view>

#include "filter/filter.h"
#include "filter/record.h"
#include "filter/schema.h"
#include "namespaces/store/records.h"

namespace prism::namespaces {

// A record with the type of the backend that it is on; a backend's own.
template <class Config>
struct Found {
  Record<Config> record;
  std::string type;
};
using FoundNamespace = Found<NamespaceConfig>;
using FoundBackend = Found<BackendConfig>;

// Fields: name, backend (its type), pattern, status, consistency, owner, tags, features
// ("features.beta = true"), cache_ttl_seconds and rate_limit_rps (0: none is set), revision,
// created_by, created_at and updated_at (to the second); those of ComparableFields, such as
// "needs.latency_p99_ms", which may be written "latency_p99_ms". Names and tags are searched.
filter::Schema NamespaceFilterSchema();
// Fields: name, type, revision, created_by, created_at, updated_at.
filter::Schema BackendFilterSchema();

// One namespace as filters of NamespaceFilterSchema see it. A view: the record outlives it.
class FilteredNamespace final : public filter::Record {
 public:
  explicit FilteredNamespace(const FoundNamespace& found) : found_(found) {}
  filter::Value At(std::size_t field) const override;
  bool Any(std::size_t field, const Visit& visit) const override;

 private:
  const FoundNamespace& found_;
};

}  // namespace prism::namespaces

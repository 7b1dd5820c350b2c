#include "namespaces/store/records.h"

#include <nlohmann/json.hpp>

#include <array>

#include "namespaces/config_json.h"
#include "namespaces/store/comparable.h"

namespace prism::namespaces {

namespace {

constexpr std::array<std::string_view, 8> kBackendColumns = {
    "id", "name", "type", "config", "revision", "created_at", "updated_at", "created_by"};
constexpr std::array<std::string_view, 18> kNamespaceColumns = {"id",
                                                                "name",
                                                                "backend",
                                                                "pattern",
                                                                "status",
                                                                "backend_config",
                                                                "consistency",
                                                                "cache_ttl_seconds",
                                                                "rate_limit_rps",
                                                                "created_at",
                                                                "updated_at",
                                                                "created_by",
                                                                "tags",
                                                                "owner",
                                                                "settings",
                                                                "revision",
                                                                "needs",
                                                                "shadow"};
constexpr std::size_t kLaterNamespaceColumns = 2;

std::optional<std::string> UnlessZero(std::uint64_t number) {
  if (number == 0) return std::nullopt;
  return std::to_string(number);
}

template <class Config>
Status ReadCommon(const Table& table, const Row& row, Record<Config>& record) {
  TRY_ASSIGN(record.id, NumberIn(row[table.Index("id")]));
  TRY_ASSIGN(record.revision, NumberIn(row[table.Index("revision")]));
  TRY_ASSIGN(record.created_at, NumberIn(row[table.Index("created_at")]));
  TRY_ASSIGN(record.updated_at, NumberIn(row[table.Index("updated_at")]));
  record.created_by = row[table.Index("created_by")].value_or("");
  return {};
}

}  // namespace

constinit const Table kBackendTable("backends", kBackendColumns, "checksum",
                                    Table::Hash::kChecksum);
constinit const Table kNamespaceTable("namespaces", kNamespaceColumns, "checksum",
                                      Table::Hash::kChecksum, kLaterNamespaceColumns);

NamespaceFacts FactsOf(const Record<NamespaceConfig>& record) {
  return {.id = record.id,
          .revision = record.revision,
          .created_at = record.created_at,
          .updated_at = record.updated_at,
          .created_by = record.created_by};
}

Row ToRow(const Record<BackendConfig>& record) {
  return {std::to_string(record.id),
          record.config.name,
          record.config.type,
          ToJsonText(record.config),
          std::to_string(record.revision),
          std::to_string(record.created_at),
          std::to_string(record.updated_at),
          record.created_by};
}

Row ToRow(const Record<NamespaceConfig>& record, const std::string& type) {
  const NamespaceConfig& config = record.config;
  const nlohmann::json settings = ToJson(config);
  const nlohmann::json bindings = {{"backend", config.backend}, {"patterns", settings["patterns"]}};
  return {std::to_string(record.id),
          config.name,
          type,
          config.pattern,
          std::string(NamespaceStatusName(config.status)),
          bindings.dump(),
          std::string(ConsistencyName(config.consistency)),
          UnlessZero(config.cache_ttl_seconds),
          UnlessZero(config.rate_limit_rps),
          std::to_string(record.created_at),
          std::to_string(record.updated_at),
          record.created_by,
          nlohmann::json(config.tags).dump(),
          config.owner,
          settings.dump(),
          std::to_string(record.revision),
          NeedsColumn(config.needs),
          ShadowColumn(config.shadow)};
}

Result<Record<BackendConfig>> ToBackendRecord(const Row& row) {
  Record<BackendConfig> record;
  TRY(ReadCommon(kBackendTable, row, record));
  TRY_ASSIGN(record.config, BackendFromJson(row[kBackendTable.Index("config")].value_or("")));
  return record;
}

Result<Record<NamespaceConfig>> ToNamespaceRecord(const Row& row) {
  Record<NamespaceConfig> record;
  TRY(ReadCommon(kNamespaceTable, row, record));
  TRY_ASSIGN(record.config, NamespaceFromJson(row[kNamespaceTable.Index("settings")].value_or("")));
  return record;
}

}  // namespace prism::namespaces

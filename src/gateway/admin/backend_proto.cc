#include "gateway/admin/backend_proto.h"

#include <fmt/format.h>

#include <algorithm>

#include "gateway/admin/field_mask.h"
#include "gateway/admin/field_places.h"
#include "gateway/admin/history_proto.h"
#include "gateway/admin/times.h"
#include "namespaces/backend_reader.h"
#include "namespaces/config_json.h"

namespace prism::gateway {

namespace {

namespace v1 = admin::v1;
using namespaces::BackendConfig;
using namespaces::YamlValue;

std::string TextOf(const Error& error) {
  return fmt::format("{}: {}", error.reason(), error.message());
}

void DescribeState(const BackendState& state, v1::Backend& message) {
  if (state.error) message.set_problem(TextOf(*state.error));
  if (state.backend == nullptr) return;
  if (const Status health = state.backend->Health(); !health) {
    message.set_problem(TextOf(health.error()));
  }
  std::vector<std::string_view> ids;
  for (const contract::InterfaceInfo* interface : state.backend->Interfaces()) {
    if (!interface->id.empty()) ids.push_back(interface->id);
  }
  std::ranges::sort(ids);
  for (const std::string_view id : ids) message.add_interfaces(std::string(id));
}

}  // namespace

void ToProto(const BackendConfig& config, v1::Backend& message) {
  message.set_name(config.name);
  message.set_type(config.type);
  message.set_connection(config.connection);
  message.set_username(config.username);
  message.set_password(config.password);
}

void ToProto(const namespaces::FoundBackend& found, const RoutingTable* table,
             v1::Backend& message) {
  const auto& record = found.record;
  ToProto(record.config, message);
  message.set_id(record.id);
  message.set_revision(record.revision);
  SetTime(record.created_at * 1000, *message.mutable_create_time());
  SetTime(record.updated_at * 1000, *message.mutable_update_time());
  message.set_created_by(record.created_by);
  if (table == nullptr) return;
  const auto on = NamespacesOn(table->snapshot(), record.config.name);
  message.set_namespaces(static_cast<std::int64_t>(on.size()));
  for (const BackendState& state : table->backends()) {
    if (state.config.name == record.config.name) DescribeState(state, message);
  }
}

Status ToProto(const namespaces::HistoryEntry& entry, v1::BackendChange& message) {
  const auto write = [](const std::string& json, v1::Backend& record) -> Status {
    TRY_ASSIGN(const BackendConfig config, namespaces::BackendFromJson(json));
    ToProto(config, record);
    return {};
  };
  return HistoryToProto(entry, write, message);
}

Result<BackendConfig> ReadBackend(const v1::Backend& message) {
  FieldPlaces places;
  YamlValue map = places.Map("backend");
  const auto text = [&](const char* key, const std::string& value) {
    if (value.empty()) return;
    FieldPlaces::Put(map, key, places.Text(std::string("backend.") + key, value));
  };
  text("type", message.type());
  text("connection", message.connection());
  text("username", message.username());
  text("password", message.password());
  namespaces::Problems problems{"backend"};
  BackendConfig config =
      namespaces::ReadBackend({message.name(), places.Place("backend.name")}, map, problems);
  if (!problems.empty()) return std::unexpected(places.ToError(problems));
  return config;
}

Result<BackendConfig> UpdateBackend(const BackendConfig& old, const v1::Backend& wanted,
                                    const google::protobuf::FieldMask& mask) {
  v1::Backend next;
  ToProto(old, next);
  TRY(ApplyMask(mask, wanted, next));
  if (!wanted.name().empty() && wanted.name() != old.name) {
    return std::unexpected(
        InvalidField("NAME_IMMUTABLE", "backend.name", "can't be changed: make another backend"));
  }
  next.set_name(old.name);
  return ReadBackend(next);
}

std::vector<std::string_view> NamespacesOn(const namespaces::Snapshot& snapshot,
                                           std::string_view backend) {
  std::vector<std::string_view> names;
  for (const namespaces::NamespaceConfig& config : snapshot.namespaces) {
    const bool on =
        config.backend == backend ||
        std::ranges::any_of(config.patterns, [&](const namespaces::PatternConfig& pattern) {
          return std::ranges::find(pattern.slots, backend, &namespaces::SlotConfig::backend) !=
                 pattern.slots.end();
        });
    if (on) names.push_back(config.name);
  }
  return names;
}

}  // namespace prism::gateway

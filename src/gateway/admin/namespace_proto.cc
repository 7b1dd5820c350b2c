#include "gateway/admin/namespace_proto.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "gateway/admin/block_proto.h"
#include "gateway/admin/field_mask.h"
#include "gateway/admin/field_places.h"
#include "gateway/admin/history_proto.h"
#include "gateway/admin/times.h"
#include "namespaces/config_json.h"
#include "namespaces/namespace_reader.h"

namespace prism::gateway {

namespace {

namespace v1 = admin::v1;
using namespaces::NamespaceConfig;
using namespaces::YamlValue;

constexpr std::string_view kPlace = "namespace";

std::string At(std::string_view field) { return fmt::format("{}.{}", kPlace, field); }

v1::NamespaceStatus StatusOf(namespaces::NamespaceStatus status) {
  constexpr std::array kStatuses = {v1::ACTIVE, v1::DISABLED, v1::MIGRATING};
  return kStatuses[static_cast<std::size_t>(status)];
}
v1::Consistency ConsistencyOf(namespaces::Consistency consistency) {
  constexpr std::array kConsistencies = {v1::STRONG, v1::CAUSAL, v1::EVENTUAL};
  return kConsistencies[static_cast<std::size_t>(consistency)];
}

// Values that this program does not know become a text that is none.
std::string TextOf(v1::NamespaceStatus status) {
  constexpr std::array<std::string_view, 4> kTexts = {"", "active", "disabled", "migrating"};
  const auto index = static_cast<std::size_t>(status);
  return index < kTexts.size() ? std::string(kTexts[index]) : std::to_string(index);
}
std::string TextOf(v1::Consistency consistency) {
  constexpr std::array<std::string_view, 4> kTexts = {"", "strong", "causal", "eventual"};
  const auto index = static_cast<std::size_t>(consistency);
  return index < kTexts.size() ? std::string(kTexts[index]) : std::to_string(index);
}

void WritePattern(const namespaces::PatternConfig& config, v1::Pattern& message) {
  message.set_type(config.type);
  for (const namespaces::SlotConfig& slot : config.slots) {
    v1::Slot& to = (*message.mutable_slots())[slot.name];
    to.set_backend(slot.backend);
    to.set_interface(slot.interface);
  }
  message.mutable_config()->insert(config.config.begin(), config.config.end());
}

// The message as a file would say it.
class Writer {
 public:
  Writer(const v1::Namespace& message, FieldPlaces& places) : message_(message), places_(places) {}

  YamlValue Write() {
    map_ = places_.Map(std::string(kPlace));
    Text("name", message_.name());
    Text("backend", message_.backend());
    WritePatterns();
    Text("status", TextOf(message_.status()));
    Text("consistency", TextOf(message_.consistency()));
    Text("owner", message_.owner());
    WriteAccess();
    if (message_.tags_size() > 0) Put("tags", places_.Texts(At("tags"), message_.tags()));
    WriteFeatures();
    if (message_.has_needs()) Put("needs", BlockToYaml(message_.needs(), At("needs"), places_));
    if (message_.has_shadow()) Put("shadow", BlockToYaml(message_.shadow(), At("shadow"), places_));
    Number("cache_ttl_seconds", message_.cache_ttl_seconds());
    Number("rate_limit_rps", message_.rate_limit_rps());
    Number("max_in_flight", message_.max_in_flight());
    Number("max_value_bytes", message_.max_value_bytes());
    Number("max_bytes", message_.max_bytes());
    Number("max_keys", message_.max_keys());
    Number("dedup_max_entries", message_.dedup_max_entries());
    if (message_.has_default_timeout()) {
      Text("default_timeout", DurationText(message_.default_timeout()));
    }
    if (message_.has_dedup_window()) Text("dedup_window", DurationText(message_.dedup_window()));
    return std::move(map_);
  }

 private:
  void Put(std::string_view key, YamlValue value) {
    FieldPlaces::Put(map_, std::string(key), std::move(value));
  }
  void Text(std::string_view key, const std::string& text) {
    if (!text.empty()) Put(key, places_.Text(At(key), text));
  }
  void Number(std::string_view key, std::uint64_t number) {
    if (number != 0) Text(key, std::to_string(number));
  }

  void WriteAccess() {
    if (!message_.has_access()) return;
    const v1::AccessLists& lists = message_.access();
    YamlValue access = places_.Map(At("access"));
    FieldPlaces::Put(access, "read", places_.Texts(At("access.read"), lists.read()));
    FieldPlaces::Put(access, "write", places_.Texts(At("access.write"), lists.write()));
    FieldPlaces::Put(access, "admin", places_.Texts(At("access.admin"), lists.admin()));
    Put("access", std::move(access));
  }

  void WriteFeatures() {
    if (message_.features().empty()) return;
    YamlValue features = places_.Map(At("features"));
    for (const auto& [name, on] : message_.features()) {
      FieldPlaces::Put(features, name, places_.Text(At("features"), on ? "true" : "false"));
    }
    Put("features", std::move(features));
  }

  // What is read names both, and the first of the patterns is the pattern.
  void WritePatterns() {
    const bool same =
        message_.patterns_size() > 0 && message_.pattern() == message_.patterns(0).type();
    if (!same) Text("pattern", message_.pattern());
    if (message_.patterns_size() == 0) return;
    YamlValue list = places_.List(At("patterns"));
    for (int i = 0; i < message_.patterns_size(); ++i) {
      list.items.push_back(
          WritePattern(message_.patterns(i), fmt::format("{}[{}]", At("patterns"), i)));
    }
    Put("patterns", std::move(list));
  }

  YamlValue WritePattern(const v1::Pattern& pattern, const std::string& path) {
    YamlValue map = places_.Map(path);
    if (!pattern.type().empty()) {
      FieldPlaces::Put(map, "type", places_.Text(path + ".type", pattern.type()));
    }
    // Without `backend`, the first slot by name says it.
    YamlValue slots = places_.Map(path + ".slots");
    for (const auto& [name, slot] : std::map(pattern.slots().begin(), pattern.slots().end())) {
      YamlValue fields = places_.Map(path + ".slots");
      if (!slot.backend().empty()) {
        FieldPlaces::Put(fields, "backend", places_.Text(path + ".slots.backend", slot.backend()));
      }
      if (!slot.interface().empty()) {
        FieldPlaces::Put(fields, "interface",
                         places_.Text(path + ".slots.interface", slot.interface()));
      }
      FieldPlaces::Put(slots, name, std::move(fields));
    }
    if (!slots.fields.empty()) FieldPlaces::Put(map, "slots", std::move(slots));
    YamlValue config = places_.Map(path + ".config");
    for (const auto& [key, value] : pattern.config()) {
      FieldPlaces::Put(config, key, places_.Text(path + ".config", value));
    }
    if (!config.fields.empty()) FieldPlaces::Put(map, "config", std::move(config));
    return map;
  }

  const v1::Namespace& message_;
  FieldPlaces& places_;
  YamlValue map_;
};

void DescribeServed(const NamespaceEntry& entry, v1::Namespace& message) {
  if (entry.refused) {
    message.set_problem(fmt::format("{}: {}", entry.refused->reason(), entry.refused->message()));
    return;
  }
  for (const std::string_view id : entry.Interfaces()) message.add_interfaces(std::string(id));
}

}  // namespace

void ToProto(const NamespaceConfig& config, v1::Namespace& message) {
  message.set_name(config.name);
  message.set_backend(config.backend);
  message.set_pattern(config.pattern);
  for (const auto& pattern : config.patterns) WritePattern(pattern, *message.add_patterns());
  message.set_status(StatusOf(config.status));
  message.set_consistency(ConsistencyOf(config.consistency));
  message.set_owner(config.owner);
  if (config.access != namespaces::AccessLists()) {
    v1::AccessLists& access = *message.mutable_access();
    access.mutable_read()->Assign(config.access.read.begin(), config.access.read.end());
    access.mutable_write()->Assign(config.access.write.begin(), config.access.write.end());
    access.mutable_admin()->Assign(config.access.admin.begin(), config.access.admin.end());
  }
  message.mutable_tags()->Assign(config.tags.begin(), config.tags.end());
  message.mutable_features()->insert(config.features.begin(), config.features.end());
  if (config.needs != namespaces::Needs()) ToProto(config.needs, *message.mutable_needs());
  if (config.shadow) ToProto(*config.shadow, *message.mutable_shadow());
  message.set_cache_ttl_seconds(config.cache_ttl_seconds);
  message.set_rate_limit_rps(config.rate_limit_rps);
  message.set_max_in_flight(config.max_in_flight);
  SetDuration(config.default_timeout, *message.mutable_default_timeout());
  const contract::NamespaceSettings& settings = config.settings;
  message.set_max_value_bytes(settings.max_value_bytes);
  message.set_max_bytes(settings.max_bytes);
  message.set_max_keys(settings.max_keys);
  SetDuration(std::chrono::milliseconds(settings.dedup_window_ms), *message.mutable_dedup_window());
  message.set_dedup_max_entries(settings.dedup_max_entries);
}

void ToProto(const namespaces::FoundNamespace& found, const RoutingTable* table,
             v1::Namespace& message) {
  const auto& record = found.record;
  ToProto(record.config, message);
  message.set_id(record.id);
  message.set_revision(record.revision);
  SetTime(record.created_at * 1000, *message.mutable_create_time());
  SetTime(record.updated_at * 1000, *message.mutable_update_time());
  message.set_created_by(record.created_by);
  message.set_backend_type(found.type);
  if (table == nullptr) return;
  if (const auto* entry = table->Find(record.config.name)) DescribeServed(**entry, message);
}

Status ToProto(const namespaces::HistoryEntry& entry, v1::NamespaceChange& message) {
  const auto write = [](const std::string& json, v1::Namespace& record) -> Status {
    TRY_ASSIGN(const NamespaceConfig config, namespaces::NamespaceFromJson(json));
    ToProto(config, record);
    return {};
  };
  return HistoryToProto(entry, write, message);
}

Result<NamespaceConfig> ReadNamespace(
    const v1::Namespace& message,
    const namespaces::ConfigList<namespaces::BackendConfig>& backends) {
  FieldPlaces places;
  YamlValue list = places.List(std::string(kPlace));
  list.items.push_back(Writer(message, places).Write());
  namespaces::Problems problems{std::string(kPlace)};
  namespaces::Snapshot snapshot;
  snapshot.backends = backends;
  namespaces::NamespaceReader(problems, snapshot).ReadList(&list);
  if (!problems.empty()) return std::unexpected(places.ToError(problems));
  return snapshot.namespaces.front();
}

Result<NamespaceConfig> UpdateNamespace(
    const NamespaceConfig& old, const v1::Namespace& wanted,
    const google::protobuf::FieldMask& mask,
    const namespaces::ConfigList<namespaces::BackendConfig>& backends) {
  v1::Namespace next;
  ToProto(old, next);
  TRY_ASSIGN(const std::set<std::string> named, ApplyMask(mask, wanted, next));
  if (!wanted.name().empty() && wanted.name() != old.name) {
    return std::unexpected(
        InvalidField("NAME_IMMUTABLE", At("name"), "can't be changed: make another namespace"));
  }
  next.set_name(old.name);
  // One stands in place of the other, and the first slot for the backend unless it is named.
  const bool stack = named.contains("patterns");
  if (stack && !named.contains("pattern")) next.clear_pattern();
  if (!stack && named.contains("pattern")) next.clear_patterns();
  const bool implied = !old.patterns.empty() && !old.patterns.front().slots.empty() &&
                       old.patterns.front().slots.front().backend == old.backend;
  const bool has_slots = next.patterns_size() > 0 && !next.patterns(0).slots().empty();
  if (stack && implied && has_slots && !named.contains("backend")) next.clear_backend();
  TRY_ASSIGN(NamespaceConfig config, ReadNamespace(next, backends));
  // Messages don't keep the order of slots.
  if (!stack && config.pattern == old.pattern && !old.patterns.empty()) {
    config.patterns = old.patterns;
  }
  return config;
}

std::vector<std::string> ServerSettingsThatDiffer(const NamespaceConfig& a,
                                                  const NamespaceConfig& b) {
  std::vector<std::string> names;
  const auto compare = [&names](std::string_view name, const auto& one, const auto& other) {
    if (one != other) names.emplace_back(name);
  };
  compare("backend", a.backend, b.backend);
  compare("pattern", a.pattern, b.pattern);
  compare("patterns", a.patterns, b.patterns);
  compare("rate_limit_rps", a.rate_limit_rps, b.rate_limit_rps);
  compare("max_in_flight", a.max_in_flight, b.max_in_flight);
  compare("max_value_bytes", a.settings.max_value_bytes, b.settings.max_value_bytes);
  compare("max_bytes", a.settings.max_bytes, b.settings.max_bytes);
  compare("max_keys", a.settings.max_keys, b.settings.max_keys);
  compare("dedup_window", a.settings.dedup_window_ms, b.settings.dedup_window_ms);
  compare("dedup_max_entries", a.settings.dedup_max_entries, b.settings.dedup_max_entries);
  compare("shadow", a.shadow, b.shadow);
  return names;
}

}  // namespace prism::gateway

#include "namespaces/namespace_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <zlib.h>

#include <algorithm>
#include <ranges>
#include <utility>

#include "base/secret_ref.h"
#include "base/strings.h"
#include "namespaces/backend_types.h"
#include "namespaces/block_reader.h"
#include "namespaces/connection.h"
#include "namespaces/text_bounds.h"

namespace prism::namespaces {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kMaxCacheSeconds = 366 * 24 * 3600;
constexpr std::size_t kMaxFeatures = 1000;
constexpr std::size_t kMaxPatterns = 16;

// Ids of patterns and interfaces are written with either.
std::string WithDashes(std::string id) {
  std::ranges::replace(id, '_', '-');
  return id;
}
std::string WithUnderscores(std::string id) {
  std::ranges::replace(id, '-', '_');
  return id;
}

// An entry with nothing behind its dash lacks everything; of what is no map that is said already.
bool MayLack(const YamlValue& value) {
  return value.kind == YamlValue::Kind::kMap || value.kind == YamlValue::Kind::kNull;
}

// The same for equal strings, whatever else is in the file.
std::string NameOfConnection(const std::string& type, const std::string& connection) {
  const auto sum = crc32(0, reinterpret_cast<const Bytef*>(connection.data()),
                         static_cast<uInt>(connection.size()));
  return fmt::format("{}-{:08x}", type, sum);
}

}  // namespace

void CheckName(const std::string& name, Mark mark, std::string_view what, Problems& problems) {
  if (base::IsValidName(name)) return;
  problems.Add(mark, "BAD_NAME",
               fmt::format("\"{}\" can't name {}: use 1 to {} of a-z, 0-9 and -, beginning with a "
                           "letter or digit",
                           name, what, base::kMaxNameLength));
}

std::string ReadConnection(const YamlValue& value, Problems& problems) {
  if (value.kind == YamlValue::Kind::kList || value.kind == YamlValue::Kind::kMap) {
    problems.Add(value.mark, "BAD_VALUE",
                 fmt::format("{} can't be a connection: write one text, such as "
                             "\"redis://localhost:6379/0\"",
                             value.KindName()));
  } else if (const auto wrong = WrongText(value.scalar, kMaxConnectionBytes)) {
    problems.Add(value.mark, "BAD_VALUE", "a connection " + *wrong);
  } else if (auto secret = FindLiteralSecret(value.scalar)) {
    problems.Add(value.mark, "LITERAL_SECRET", *std::move(secret));
  } else if (auto refs = base::FindSecretRefs(value.scalar); !refs) {
    problems.Add(value.mark, refs.error().reason(), refs.error().message());
  }
  return value.scalar;
}

void NamespaceReader::ReadList(const YamlValue* value) {
  if (value == nullptr || value->kind == YamlValue::Kind::kNull) {
    snapshot_.namespaces = BuiltinNamespaces();
    return;
  }
  if (value->kind != YamlValue::Kind::kList) {
    problems_.Add(value->mark, "BAD_VALUE",
                  fmt::format("namespaces is {} where a list is expected: - {{name: NAME, backend: "
                              "BACKEND}}",
                              value->KindName()));
    return;
  }
  snapshot_.namespaces.reserve(value->items.size());
  for (const YamlValue& item : value->items) ReadOne(item);
  snapshot_.namespaces.SortByName();
}

void NamespaceReader::ReadOne(const YamlValue& value) {
  NamespaceConfig config;
  MapReader reader(value, "the namespace", problems_);
  if (!ReadName(reader, value, config)) return;
  ReadPatterns(reader, config);
  ReadBackend(reader, value, config);
  ReadSettings(reader, config);
  reader.Finish();
  snapshot_.namespaces.push_back(std::move(config));
}

void NamespaceReader::ReadWhole(MapReader& top, const YamlValue& root) {
  NamespaceConfig config;
  ReadPatterns(top, config);
  config.name = config.settings.name = top.String("name").value_or(config.pattern);
  CheckName(config.name, root.mark, "a namespace", problems_);
  ReadBackend(top, root, config);
  ReadSettings(top, config);
  snapshot_.namespaces.push_back(std::move(config));
}

bool NamespaceReader::ReadName(MapReader& reader, const YamlValue& value, NamespaceConfig& config) {
  auto name = reader.String("name");
  if (!name) {
    if (MayLack(value)) {
      reader.Add(value.mark, "MISSING_KEY", "a namespace without name: add name: NAME");
    }
    return true;
  }
  config.name = config.settings.name = *std::move(name);
  CheckName(config.name, value.mark, "a namespace", problems_);
  const auto [it, inserted] = names_.emplace(config.name, value.mark);
  if (inserted) return true;
  reader.Add(value.mark, "DUPLICATE_NAME",
             fmt::format("there are two namespaces \"{}\" (the first in line {}): rename or "
                         "remove one",
                         config.name, it->second.line));
  return false;
}

void NamespaceReader::ReadBackend(MapReader& reader, const YamlValue& value,
                                  NamespaceConfig& config) {
  const YamlValue* backend = reader.Take("backend");
  const YamlValue* connection = reader.Take("connection_string");
  if (backend != nullptr) {
    config.backend = backend->scalar;
    if (connection != nullptr) return MakeBackend(*backend, *connection, config);
    return CheckBackendExists(config.backend, backend->mark, config.name);
  }
  const bool has_slots = std::ranges::any_of(
      config.patterns, [](const PatternConfig& pattern) { return !pattern.slots.empty(); });
  if (!has_slots && MayLack(value)) {
    reader.Add(
        value.mark, "MISSING_KEY",
        fmt::format(
            "the namespace \"{}\" has no backend: add backend: NAME, one of {}", config.name,
            fmt::join(snapshot_.backends | std::views::transform(&BackendConfig::name), ", ")));
  }
}

// `backend` is a type here; equal connection strings are one backend.
void NamespaceReader::MakeBackend(const YamlValue& type, const YamlValue& connection,
                                  NamespaceConfig& config) {
  config.backend.clear();
  const auto known = BackendTypeOf(type.scalar);
  if (!known) {
    return problems_.Add(
        type.mark, "BAD_VALUE",
        "beside connection_string, backend is a type: " + NoBackendType(type.scalar));
  }
  BackendConfig made;
  made.type = *known;
  made.connection = ReadConnection(connection, problems_);
  made.name = NameOfConnection(made.type, made.connection);
  config.backend = made.name;
  if (snapshot_.FindBackend(made.name) != nullptr) return;
  const auto place =
      std::ranges::lower_bound(snapshot_.backends, made.name, {}, &BackendConfig::name);
  snapshot_.backends.insert(place, std::move(made));
}

void NamespaceReader::CheckBackendExists(const std::string& name, Mark mark,
                                         const std::string& ns) {
  if (snapshot_.FindBackend(name) != nullptr) return;
  if (name == ns && !ns.empty()) {
    return problems_.Add(
        mark, "STACK_CYCLE",
        fmt::format("the namespace \"{0}\" would stand on itself: {0} -> {0}: name a "
                    "backend",
                    ns));
  }
  std::vector<std::string> names;
  for (const BackendConfig& backend : snapshot_.backends) names.push_back(backend.name);
  const auto nearest = base::NearestMatch(name, names);
  problems_.Add(mark, "BACKEND_NOT_FOUND",
                fmt::format("there is no backend \"{}\": {}", name,
                            nearest ? fmt::format("did you mean \"{}\"?", *nearest)
                                    : fmt::format("configured are {}", fmt::join(names, ", "))));
}

void NamespaceReader::ReadPattern(MapReader& reader, NamespaceConfig& config) {
  const YamlValue* pattern = reader.Take("pattern");
  if (pattern == nullptr) return;
  config.pattern = WithDashes(pattern->scalar);
  if (base::IsValidName(config.pattern)) return;
  reader.Add(pattern->mark, "BAD_VALUE",
             "pattern must be the id of a data model or of a pattern, like keyvalue");
}

// One pattern with `slots`, or a stack of `patterns`; its first slot stands for its backend.
void NamespaceReader::ReadPatterns(MapReader& reader, NamespaceConfig& config) {
  ReadPattern(reader, config);
  const YamlValue* slots = reader.Take("slots");
  const YamlValue* stack = reader.Take("patterns");
  if (slots != nullptr && config.pattern.empty()) {
    reader.Add(slots->mark, "MISSING_KEY", "slots are those of a pattern: add pattern: ID");
  } else if (slots != nullptr) {
    PatternConfig& pattern = config.patterns.emplace_back();
    pattern.type = config.pattern;
    ReadSlots(slots, config, pattern);
  }
  if (stack != nullptr && !config.pattern.empty()) {
    reader.Add(stack->mark, "BAD_VALUE", "pattern and patterns exclude each other: keep patterns");
  } else if (stack != nullptr) {
    ReadStack(*stack, config);
  }
  for (const PatternConfig& pattern : config.patterns) {
    if (config.backend.empty() && !pattern.slots.empty()) {
      config.backend = pattern.slots.front().backend;
    }
  }
}

void NamespaceReader::ReadStack(const YamlValue& list, NamespaceConfig& config) {
  if (list.kind != YamlValue::Kind::kList || list.items.empty() ||
      list.items.size() > kMaxPatterns) {
    return problems_.Add(list.mark, "BAD_VALUE",
                         fmt::format("patterns must be a list of 1 to {}: - {{type: ID, slots: "
                                     "{{SLOT: {{backend: NAME}}}}}}",
                                     kMaxPatterns));
  }
  for (const YamlValue& item : list.items) {
    MapReader reader(item, "the pattern", problems_);
    PatternConfig& pattern = config.patterns.emplace_back();
    pattern.type = WithDashes(reader.String("type").value_or(""));
    if (!base::IsValidName(pattern.type)) {
      reader.Add(item.mark, "MISSING_KEY", "a pattern without type: add type: ID, like outbox");
    }
    ReadSlots(reader.Take("slots"), config, pattern);
    ReadPatternConfig(reader.Take("config"), pattern);
    reader.Finish();
  }
  config.pattern = config.patterns.front().type;
  CheckForCycle(list.mark, config);
}

// What stands on a pattern would reach it again by way of what stands between the two.
void NamespaceReader::CheckForCycle(Mark mark, const NamespaceConfig& config) {
  const auto types = config.patterns | std::views::transform(&PatternConfig::type);
  for (auto again = types.begin(); again != types.end(); ++again) {
    const auto first = std::find(types.begin(), again, *again);
    if (first == again || !base::IsValidName(*again)) continue;
    return problems_.Add(mark, "STACK_CYCLE",
                         fmt::format("the pattern \"{0}\" would stand on itself: {1}: name it once",
                                     *again, fmt::join(first, again + 1, " -> ")));
  }
}

void NamespaceReader::ReadSlots(const YamlValue* value, const NamespaceConfig& config,
                                PatternConfig& pattern) {
  if (value == nullptr) return;
  if (value->kind != YamlValue::Kind::kMap) {
    return problems_.Add(value->mark, "BAD_VALUE",
                         fmt::format("slots is {} where a map is expected: SLOT: {{backend: NAME}}",
                                     value->KindName()));
  }
  if (value->fields.size() > kMaxSlots) {
    return problems_.Add(value->mark, "BAD_VALUE", fmt::format("more than {} slots", kMaxSlots));
  }
  for (const auto& [key, fields] : value->fields) {
    MapReader reader(fields, fmt::format("the slot \"{}\"", key.text), problems_);
    SlotConfig& slot = pattern.slots.emplace_back();
    slot.name = key.text;
    CheckName(WithDashes(slot.name), key.mark, "a slot", problems_);
    const YamlValue* backend = reader.Take("backend");
    if (backend == nullptr) {
      reader.Add(key.mark, "MISSING_KEY",
                 fmt::format("the slot \"{}\" has no backend: add backend: NAME", key.text));
    } else {
      slot.backend = backend->scalar;
      CheckBackendExists(slot.backend, backend->mark, config.name);
    }
    if (auto interface = reader.String("interface")) {
      slot.interface = WithUnderscores(*interface);
      CheckName(WithDashes(*interface), fields.mark, "an interface", problems_);
    }
    reader.Finish();
  }
}

// What it means is the pattern's business; here it is text.
void NamespaceReader::ReadPatternConfig(const YamlValue* value, PatternConfig& pattern) {
  if (value == nullptr) return;
  const bool texts = value->kind == YamlValue::Kind::kMap &&
                     std::ranges::all_of(value->fields, [](const YamlField& field) {
                       return field.value.kind == YamlValue::Kind::kScalar;
                     });
  if (!texts) {
    return problems_.Add(value->mark, "BAD_VALUE", "config must be a map of single values");
  }
  if (value->fields.size() > kMaxPatternOptions) {
    return problems_.Add(value->mark, "BAD_VALUE",
                         fmt::format("more than {} options", kMaxPatternOptions));
  }
  for (const auto& [key, field] : value->fields) {
    const auto bad_key = WrongText(key.text, kMaxOptionNameBytes);
    const auto bad_value = WrongText(field.scalar, kMaxTextBytes);
    if (bad_key || key.text.empty()) {
      problems_.Add(key.mark, "BAD_NAME",
                    "the name of an option " + bad_key.value_or("is missing"));
    } else if (bad_value) {
      problems_.Add(field.mark, "BAD_VALUE", fmt::format("{} {}", key.text, *bad_value));
    } else if (auto secret = FindLiteralSecret(key.text, field.scalar)) {
      problems_.Add(field.mark, "LITERAL_SECRET", *std::move(secret));
    } else {
      pattern.config[key.text] = field.scalar;
    }
  }
}

void NamespaceReader::ReadSettings(MapReader& reader, NamespaceConfig& config) {
  if (auto consistency = reader.OneOf("consistency", {"strong", "causal", "eventual"})) {
    config.consistency = *consistency == "strong"   ? Consistency::kStrong
                         : *consistency == "causal" ? Consistency::kCausal
                                                    : Consistency::kEventual;
  }
  ReadStatus(reader, config);
  ReadFeatures(reader, config);
  ReadAccess(reader, config);
  if (const YamlValue* needs = reader.Take("needs")) config.needs = ReadNeeds(*needs, problems_);
  ReadShadow(reader, config);
  config.owner = reader.Text("owner", kMaxTextBytes).value_or("");
  config.tags = reader.Texts("tags", kMaxTags, kMaxTagBytes);
  for (const std::string& tag : config.tags) {
    // "contact:ann@example.com" is a tag like others.
    if ((tag.contains("://") || tag.contains('=')) && FindLiteralSecret(tag)) {
      reader.Add(reader.mark(), "LITERAL_SECRET",
                 "one of the tags holds a password in clear text: whoever may read the namespace "
                 "sees tags, so take it out");
    }
  }
  const auto set = [](auto& into, auto value) {
    if (value) into = *value;
  };
  contract::NamespaceSettings& settings = config.settings;
  set(config.cache_ttl_seconds, reader.Number("cache_ttl_seconds", 0, kMaxCacheSeconds));
  set(config.rate_limit_rps, reader.Number("rate_limit_rps", 0, 1'000'000'000));
  set(config.max_in_flight, reader.Number("max_in_flight", 1, 1'000'000));
  set(config.default_timeout, reader.Duration("default_timeout", milliseconds(1), hours(24)));
  set(settings.max_value_bytes, reader.Size("max_value_bytes", 1, kMaxValueBytes));
  set(settings.max_bytes, reader.Size("max_bytes"));
  set(settings.max_keys, reader.Number("max_keys"));
  set(settings.dedup_max_entries, reader.Number("dedup_max_entries", 1, 1'000'000'000));
  if (auto window = reader.Duration("dedup_window", seconds(1), hours(24 * 30))) {
    settings.dedup_window_ms = window->count();
  }
}

void NamespaceReader::ReadStatus(MapReader& reader, NamespaceConfig& config) {
  const auto status = reader.OneOf("status", {"active", "disabled", "migrating"});
  if (!status) return;
  config.status = *status == "active"     ? NamespaceStatus::kActive
                  : *status == "disabled" ? NamespaceStatus::kDisabled
                                          : NamespaceStatus::kMigrating;
}

void NamespaceReader::ReadAccess(MapReader& reader, NamespaceConfig& config) {
  const YamlValue* value = reader.Take("access");
  if (value == nullptr) return;
  MapReader lists(*value, "access", problems_);
  config.access.read = lists.Principals("read");
  config.access.write = lists.Principals("write");
  config.access.admin = lists.Principals("admin");
  lists.Finish();
}

void NamespaceReader::ReadShadow(MapReader& reader, NamespaceConfig& config) {
  const YamlValue* value = reader.Take("shadow");
  if (value == nullptr || value->kind == YamlValue::Kind::kNull) return;
  const std::vector<std::string> own = BackendsOf(config);
  const auto check = [&](const std::string& backend, Mark mark) {
    if (std::ranges::find(own, backend) == own.end()) {
      return CheckBackendExists(backend, mark, config.name);
    }
    problems_.Add(mark, "BAD_VALUE",
                  fmt::format("the namespace is on the backend \"{}\" itself: mirror its calls to "
                              "another one",
                              backend));
  };
  config.shadow = namespaces::ReadShadow(*value, check, problems_);
  if (std::ranges::find(config.patterns, kShadowPattern, &PatternConfig::type) !=
          config.patterns.end() ||
      config.pattern == kShadowPattern) {
    problems_.Add(value->mark, "BAD_VALUE",
                  "shadow and a pattern of the type shadow exclude each other: keep one");
  }
}

void NamespaceReader::ReadFeatures(MapReader& reader, NamespaceConfig& config) {
  const YamlValue* value = reader.Take("features");
  if (value == nullptr) return;
  if (value->fields.size() > kMaxFeatures) {
    reader.Add(value->mark, "BAD_VALUE", fmt::format("more than {} features", kMaxFeatures));
    return;
  }
  MapReader features(*value, "features", problems_);
  for (const auto& [key, flag] : value->fields) {
    CheckName(key.text, key.mark, "a feature", problems_);
    std::string taken = key.text;  // keys are looked for with _, whichever way they are written
    std::ranges::replace(taken, '-', '_');
    if (const auto on = features.Bool(taken)) config.features[key.text] = *on;
  }
}

}  // namespace prism::namespaces

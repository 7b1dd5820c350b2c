#include "namespaces/config_json.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <type_traits>

#include "base/units.h"

namespace prism::namespaces {

namespace {

using nlohmann::json;

// The settings of a namespace or backend, each with its key, for the writer and the reader alike.
template <class Visitor, class Config>
void VisitBackend(Visitor& visit, Config& config) {
  visit("name", config.name);
  visit("type", config.type);
  visit("connection", config.connection);
  visit("username", config.username);
  visit("password", config.password);
}

template <class Visitor, class Config>
void VisitNamespace(Visitor& visit, Config& config) {
  visit("name", config.name);
  visit("backend", config.backend);
  visit("pattern", config.pattern);
  visit("patterns", config.patterns);
  visit("status", config.status);
  visit("consistency", config.consistency);
  visit("owner", config.owner);
  visit("access", config.access);
  visit("tags", config.tags);
  visit("needs", config.needs);
  visit("shadow", config.shadow);
  visit("cache_ttl_seconds", config.cache_ttl_seconds);
  visit("features", config.features);
  visit("rate_limit_rps", config.rate_limit_rps);
  visit("max_in_flight", config.max_in_flight);
  visit("default_timeout", config.default_timeout);
  visit.Size("max_value_bytes", config.settings.max_value_bytes);
  visit.Size("max_bytes", config.settings.max_bytes);
  visit("max_keys", config.settings.max_keys);
  visit("dedup_window", config.settings.dedup_window_ms);
  visit("dedup_max_entries", config.settings.dedup_max_entries);
}

class Writer {
 public:
  template <class T>
  void operator()(std::string_view key, const T& value, Bounds /*bounds*/ = {}) {
    object_[std::string(key)] = Value(value);
  }
  void Size(std::string_view key, std::uint64_t bytes, Bounds /*bounds*/ = {}) {
    object_[std::string(key)] = base::FormatSize(bytes);
  }
  // What is not said is not there.
  template <class T>
  void operator()(std::string_view key, const std::optional<T>& value, Bounds /*bounds*/ = {}) {
    if (value) (*this)(key, *value);
  }
  void Size(std::string_view key, const std::optional<std::uint64_t>& bytes, Bounds /*bounds*/) {
    if (bytes) Size(key, *bytes);
  }
  void operator()(std::string_view key, const Needs& needs) {
    if (needs != Needs()) object_[std::string(key)] = Value(needs);
  }
  json Take() && { return std::move(object_); }

 private:
  static json Value(const std::string& text) { return text; }
  static json Value(const std::vector<std::string>& texts) { return texts; }
  static json Value(const AccessLists& lists) {
    return {{"read", lists.read}, {"write", lists.write}, {"admin", lists.admin}};
  }
  static json Value(std::uint64_t number) { return number; }
  static json Value(std::chrono::milliseconds time) { return base::FormatDuration(time); }
  static json Value(std::int64_t millis) { return Value(std::chrono::milliseconds(millis)); }
  static json Value(const std::map<std::string, bool>& flags) { return flags; }
  static json Value(const std::vector<PatternConfig>& patterns) {
    json list = json::array();
    for (const PatternConfig& pattern : patterns) {
      json slots = json::array();
      for (const SlotConfig& slot : pattern.slots) {
        slots.push_back(
            {{"slot", slot.name}, {"backend", slot.backend}, {"interface", slot.interface}});
      }
      list.push_back(
          {{"type", pattern.type}, {"slots", std::move(slots)}, {"config", pattern.config}});
    }
    return list;
  }
  static json Value(const Needs& needs) {
    Writer writer;
    VisitNeeds(writer, needs);
    return std::move(writer).Take();
  }
  static json Value(const ShadowConfig& shadow) {
    Writer writer;
    VisitShadow(writer, shadow);
    return std::move(writer).Take();
  }
  static json Value(bool on) { return on; }
  template <class T>
    requires std::is_enum_v<T>
  static json Value(T value) {
    return NameOf(value);
  }

  json object_ = json::object();
};

class Reader {
 public:
  explicit Reader(json object) : object_(std::move(object)) {}

  template <class T>
  void operator()(std::string_view key, T& into, Bounds /*bounds*/ = {}) {
    Take(key, [&into](const json& value) { return Read(value, into); });
  }
  // `into`: a number, or optionally one.
  template <class T>
  void Size(std::string_view key, T& into, Bounds /*bounds*/ = {}) {
    Take(key, [&into](const json& value) {
      if (!value.is_string()) return false;
      const auto bytes = base::ParseSize(value.get_ref<const std::string&>());
      if (bytes) into = *bytes;
      return bytes.has_value();
    });
  }
  // Every key was known and had a value of its kind.
  bool fine() const { return malformed_.empty() && object_.empty(); }
  std::string wrong() const {
    return !malformed_.empty() ? std::string(malformed_) : object_.begin().key();
  }

 private:
  static bool Read(const json& value, std::string& into) {
    if (value.is_string()) into = value.get<std::string>();
    return value.is_string();
  }
  static bool Read(const json& value, std::vector<std::string>& into) {
    for (const json& item : value) {
      if (!item.is_string()) return false;
      into.push_back(item.get<std::string>());
    }
    return value.is_array();
  }
  static bool Read(const json& value, AccessLists& into) {
    if (!value.is_object() || value.size() > 3) return false;
    for (const auto& [key, list] : value.items()) {
      std::vector<std::string>* const lists = key == "read"    ? &into.read
                                              : key == "write" ? &into.write
                                              : key == "admin" ? &into.admin
                                                               : nullptr;
      if (lists == nullptr || !Read(list, *lists)) return false;
    }
    return true;
  }
  static bool Read(const json& value, std::uint64_t& into) {
    if (value.is_number_unsigned()) into = value.get<std::uint64_t>();
    return value.is_number_unsigned();
  }
  static bool Read(const json& value, std::chrono::milliseconds& into) {
    if (!value.is_string()) return false;
    const auto time = base::ParseDuration(value.get_ref<const std::string&>());
    if (time) into = *time;
    return time.has_value();
  }
  static bool Read(const json& value, std::int64_t& millis) {
    std::chrono::milliseconds time(millis);
    const bool read = Read(value, time);
    millis = time.count();
    return read;
  }
  static bool Read(const json& value, std::map<std::string, bool>& flags) {
    if (!value.is_object()) return false;
    for (const auto& [name, on] : value.items()) {
      if (!on.is_boolean()) return false;
      flags[name] = on.get<bool>();
    }
    return true;
  }
  static bool Read(const json& value, std::map<std::string, std::string>& texts) {
    if (!value.is_object()) return false;
    for (const auto& [name, text] : value.items()) {
      if (!Read(text, texts[name])) return false;
    }
    return true;
  }
  static bool Read(const json& value, std::vector<PatternConfig>& patterns) {
    if (!value.is_array()) return false;
    return std::ranges::all_of(value, [&patterns](const json& item) {
      Reader reader(item);
      PatternConfig& pattern = patterns.emplace_back();
      if (!item.is_object()) return false;
      reader("type", pattern.type);
      reader("slots", pattern.slots);
      reader("config", pattern.config);
      return reader.fine();
    });
  }
  static bool Read(const json& value, std::vector<SlotConfig>& slots) {
    if (!value.is_array()) return false;
    return std::ranges::all_of(value, [&slots](const json& item) {
      if (!item.is_object()) return false;
      Reader reader(item);
      SlotConfig& slot = slots.emplace_back();
      reader("slot", slot.name);
      reader("backend", slot.backend);
      reader("interface", slot.interface);
      return reader.fine();
    });
  }
  template <class T>
  static bool Read(const json& value, std::optional<T>& into) {
    return Read(value, into.emplace());
  }
  static bool Read(const json& value, Needs& needs) {
    return ReadBlock(value, [&needs](Reader& reader) { VisitNeeds(reader, needs); });
  }
  static bool Read(const json& value, ShadowConfig& shadow) {
    return ReadBlock(value, [&shadow](Reader& reader) { VisitShadow(reader, shadow); });
  }
  template <class Visit>
  static bool ReadBlock(const json& value, const Visit& visit) {
    if (!value.is_object()) return false;
    Reader reader(value);
    visit(reader);
    return reader.fine();
  }
  static bool Read(const json& value, bool& into) {
    if (value.is_boolean()) into = value.get<bool>();
    return value.is_boolean();
  }
  template <class T>
    requires std::is_enum_v<T>
  static bool Read(const json& value, T& into) {
    for (std::size_t i = 0; i < kNamesOf<T>.size(); ++i) {
      if (value != kNamesOf<T>[i]) continue;
      into = static_cast<T>(i);
      return true;
    }
    return false;
  }

  template <class F>
  void Take(std::string_view key, F read) {
    const auto it = object_.find(key);
    if (it == object_.end()) return;
    if (!read(*it)) malformed_ = key;
    object_.erase(it);
  }

  json object_;
  std::string_view malformed_;
};

Error Malformed(std::string_view what) {
  return {Code::kDataLoss, "CONFIG_RECORD_MALFORMED",
          fmt::format("a stored record is not what this program writes: {}", what)};
}

Result<Reader> Open(std::string_view text) {
  json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return std::unexpected(Malformed("it is no JSON object"));
  return Reader(std::move(object));
}

Status Finish(const Reader& reader) {
  if (reader.fine()) return {};
  return std::unexpected(Malformed(fmt::format("the key \"{}\"", reader.wrong())));
}

}  // namespace

json ToJson(const BackendConfig& config) {
  Writer writer;
  VisitBackend(writer, config);
  return std::move(writer).Take();
}

json ToJson(const NamespaceConfig& config) {
  Writer writer;
  VisitNamespace(writer, config);
  return std::move(writer).Take();
}

std::string ToJsonText(const BackendConfig& config) { return ToJson(config).dump(); }
std::string ToJsonText(const NamespaceConfig& config) { return ToJson(config).dump(); }

Result<BackendConfig> BackendFromJson(std::string_view text) {
  TRY_ASSIGN(Reader reader, Open(text));
  BackendConfig config;
  VisitBackend(reader, config);
  TRY(Finish(reader));
  return config;
}

Result<NamespaceConfig> NamespaceFromJson(std::string_view text) {
  TRY_ASSIGN(Reader reader, Open(text));
  NamespaceConfig config;
  VisitNamespace(reader, config);
  TRY(Finish(reader));
  config.settings.name = config.name;
  return config;
}

}  // namespace prism::namespaces

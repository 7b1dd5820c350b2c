#include "namespaces/yaml_writer.h"

#include <fmt/format.h>

#include <chrono>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/units.h"

namespace prism::namespaces {

namespace {

// Quoted unless it can't be taken for anything but a text: names, mostly.
bool IsPlain(std::string_view text) {
  constexpr std::string_view kAmbiguous[] = {"true", "false", "null", "yes", "no", "on", "off"};
  const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  if (text.empty() || !letter(text.front())) return false;
  for (const char c : text) {
    if (!letter(c) && !(c >= '0' && c <= '9') && c != '-' && c != '_') return false;
  }
  for (const std::string_view word : kAmbiguous) {
    if (text == word) return false;
  }
  return true;
}

// YAML 1.2, section 7.3.1.
std::string Quoted(std::string_view text) {
  if (IsPlain(text)) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += fmt::format("\\x{:02x}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string ListOf(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const std::string& text : texts) list += (list.size() > 1 ? ", " : "") + Quoted(text);
  return list + ']';
}

// The lines of a block inside of a namespace.
class BlockWriter {
 public:
  template <class T>
  void operator()(std::string_view key, const T& value, Bounds /*bounds*/ = {}) {
    Line(key, TextOf(value));
  }
  template <class T>
  void operator()(std::string_view key, const std::optional<T>& value, Bounds /*bounds*/ = {}) {
    if (value) (*this)(key, *value);
  }
  void Size(std::string_view key, const std::optional<std::uint64_t>& bytes, Bounds /*bounds*/) {
    if (bytes) Line(key, base::FormatSize(*bytes));
  }
  std::string Take() { return std::exchange(text_, {}); }

 private:
  void Line(std::string_view key, std::string_view value) {
    text_ += fmt::format("      {}: {}\n", key, value);
  }
  static std::string TextOf(const std::string& text) { return Quoted(text); }
  static std::string TextOf(std::uint64_t number) { return std::to_string(number); }
  static std::string TextOf(bool on) { return on ? "true" : "false"; }
  static std::string TextOf(std::chrono::milliseconds time) { return base::FormatDuration(time); }
  template <class T>
    requires std::is_enum_v<T>
  static std::string TextOf(T value) {
    return std::string(NameOf(value));
  }

  std::string text_;
};

class Writer {
 public:
  std::string Write(const Snapshot& snapshot) {
    text_ = snapshot.backends.empty() ? "backends: {}\n" : "backends:\n";
    for (const BackendConfig& config : snapshot.backends) Write(config);
    text_ += snapshot.namespaces.empty() ? "namespaces: []\n" : "namespaces:\n";
    for (const NamespaceConfig& config : snapshot.namespaces) Write(config);
    return std::move(text_);
  }

 private:
  void Line(int indent, std::string_view key, std::string_view value) {
    text_ += fmt::format("{:{}}{}: {}\n", "", indent, key, value);
  }
  void Open(int indent, std::string_view key) {
    text_ += fmt::format("{:{}}{}:\n", "", indent, key);
  }
  void Text(std::string_view key, const std::string& value) {
    if (!value.empty()) Line(4, key, Quoted(value));
  }
  template <class T>
  void Unless(std::string_view key, const T& value, const T& usual, std::string_view text) {
    if (value != usual) Line(4, key, text);
  }
  void Number(std::string_view key, std::uint64_t value, std::uint64_t usual) {
    if (value != usual) Line(4, key, std::to_string(value));
  }
  void Size(std::string_view key, std::uint64_t value, std::uint64_t usual) {
    if (value != usual) Line(4, key, base::FormatSize(value));
  }

  void Write(const BackendConfig& config) {
    Open(2, Quoted(config.name));
    Text("type", config.type);
    Text("connection", config.connection);
    Text("username", config.username);
    Text("password", config.password);
  }

  void Write(const NamespaceConfig& config) {
    const NamespaceConfig usual;
    text_ += fmt::format("  - name: {}\n", Quoted(config.name));
    Text("backend", config.backend);
    if (config.patterns.empty()) Text("pattern", config.pattern);
    if (!config.patterns.empty()) Open(4, "patterns");
    for (const PatternConfig& pattern : config.patterns) Write(pattern);
    Unless("status", config.status, usual.status, NamespaceStatusName(config.status));
    Unless("consistency", config.consistency, usual.consistency,
           ConsistencyName(config.consistency));
    Text("owner", config.owner);
    Write(config.access);
    if (!config.tags.empty()) Line(4, "tags", ListOf(config.tags));
    WriteBlocks(config);
    if (!config.features.empty()) Open(4, "features");
    for (const auto& [name, on] : config.features) Line(6, Quoted(name), on ? "true" : "false");
    Number("cache_ttl_seconds", config.cache_ttl_seconds, usual.cache_ttl_seconds);
    Number("rate_limit_rps", config.rate_limit_rps, usual.rate_limit_rps);
    Number("max_in_flight", config.max_in_flight, usual.max_in_flight);
    Unless("default_timeout", config.default_timeout, usual.default_timeout,
           base::FormatDuration(config.default_timeout));
    Write(config.settings, usual.settings);
  }

  void WriteBlocks(const NamespaceConfig& config) {
    if (config.needs != Needs()) Open(4, "needs");
    VisitNeeds(block_, config.needs);
    text_ += block_.Take();
    if (!config.shadow) return;
    Open(4, "shadow");
    VisitShadow(block_, *config.shadow);
    text_ += block_.Take();
  }

  void Write(const contract::NamespaceSettings& settings,
             const contract::NamespaceSettings& usual) {
    Size("max_value_bytes", settings.max_value_bytes, usual.max_value_bytes);
    Size("max_bytes", settings.max_bytes, usual.max_bytes);
    Number("max_keys", settings.max_keys, usual.max_keys);
    Unless("dedup_window", settings.dedup_window_ms, usual.dedup_window_ms,
           base::FormatDuration(std::chrono::milliseconds(settings.dedup_window_ms)));
    Number("dedup_max_entries", settings.dedup_max_entries, usual.dedup_max_entries);
  }

  void Write(const AccessLists& access) {
    if (access == AccessLists()) return;
    Open(4, "access");
    if (!access.read.empty()) Line(6, "read", ListOf(access.read));
    if (!access.write.empty()) Line(6, "write", ListOf(access.write));
    if (!access.admin.empty()) Line(6, "admin", ListOf(access.admin));
  }

  void Write(const PatternConfig& pattern) {
    text_ += fmt::format("      - type: {}\n", Quoted(pattern.type));
    if (!pattern.slots.empty()) Open(8, "slots");
    for (const SlotConfig& slot : pattern.slots) {
      Open(10, Quoted(slot.name));
      Line(12, "backend", Quoted(slot.backend));
      if (!slot.interface.empty()) Line(12, "interface", Quoted(slot.interface));
    }
    if (!pattern.config.empty()) Open(8, "config");
    for (const auto& [key, value] : pattern.config) Line(10, Quoted(key), Quoted(value));
  }

  std::string text_;
  BlockWriter block_;
};

}  // namespace

std::string ToYaml(const Snapshot& snapshot) { return Writer().Write(snapshot); }

}  // namespace prism::namespaces

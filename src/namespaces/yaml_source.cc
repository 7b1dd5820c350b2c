#include "namespaces/yaml_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ranges>
#include <sstream>
#include <unordered_map>

#include "base/secret_ref.h"
#include "base/strings.h"
#include "base/web_origin.h"
#include "namespaces/connection.h"
#include "namespaces/map_reader.h"
#include "namespaces/problems.h"
#include "namespaces/yaml_value.h"

namespace prism::namespaces {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kMaxValueBytes = 1ull << 30;
constexpr std::uint64_t kMaxTextBytes = 1024;
constexpr std::uint64_t kMaxCacheSeconds = 366 * 24 * 3600;
constexpr std::size_t kMaxFeatures = 1000;

class ConfigReader {
 public:
  explicit ConfigReader(Problems& problems) : problems_(problems) {}

  Snapshot Read(const YamlValue& root) {
    MapReader top(root, "the configuration", problems_);
    ReadServer(top.Take("server"));
    ReadMemory(top.Take("memory"));
    ReadBackup(top.Take("backup"));
    const YamlValue* backends = top.Take("backends");
    const YamlValue* namespaces = top.Take("namespaces");
    snapshot_.declared = backends != nullptr || namespaces != nullptr;
    ReadBackends(backends);
    ReadNamespaces(namespaces);
    DropUnusedBuiltins();
    top.Finish();
    return std::move(snapshot_);
  }

 private:
  void ReadServer(const YamlValue* value);
  void ReadCors(const YamlValue* value);
  void ReadOrigins(const YamlValue* value);
  void ReadTls(const YamlValue* value);
  void ReadLimits(const YamlValue* value);
  void ReadMemory(const YamlValue* value);
  void ReadBackup(const YamlValue* value);
  void ReadBackends(const YamlValue* value);
  void ReadBackend(const YamlKey& key, const YamlValue& value);
  void ReadNamespaces(const YamlValue* value);
  void ReadNamespace(const YamlValue& value);
  void ReadPattern(MapReader& reader, NamespaceConfig& config);
  void ReadSettings(MapReader& reader, NamespaceConfig& config);
  void ReadStatus(MapReader& reader, NamespaceConfig& config);
  void ReadFeatures(MapReader& reader, NamespaceConfig& config);
  void CheckName(const std::string& name, Mark mark, std::string_view what);
  void DropUnusedBuiltins();
  void CheckBackendExists(const NamespaceConfig& config, Mark mark);

  Problems& problems_;
  Snapshot snapshot_;
  std::vector<std::string> implied_;             // backends that are there without being written
  std::unordered_map<std::string, Mark> names_;  // of namespaces, where each stands
};

void ConfigReader::ReadServer(const YamlValue* value) {
  if (value == nullptr) return;
  MapReader reader(*value, "server", problems_);
  ServerConfig& server = snapshot_.server;
  server.listen = reader.String("listen");
  server.admin_listen = reader.String("admin_listen");
  server.data_dir = reader.String("data_dir");
  server.user = reader.String("user");
  server.shards = reader.Number("shards", 1, 1024);
  server.drain_timeout = reader.Duration("drain_timeout", milliseconds(0), hours(1));
  server.rebind_grace = reader.Duration("rebind_grace", milliseconds(0), hours(24));
  server.queue_delay_target = reader.Duration("queue_delay_target", milliseconds(1), seconds(60));
  server.slow_request_threshold =
      reader.Duration("slow_request_threshold", milliseconds(0), hours(24));
  server.insecure = reader.Bool("insecure");
  server.log_level = reader.OneOf("log_level", {"debug", "info", "warn", "error"});
  server.log_format = reader.OneOf("log_format", {"text", "json"});
  ReadCors(reader.Take("cors"));
  ReadTls(reader.Take("tls"));
  ReadLimits(reader.Take("limits"));
  reader.Finish();
}

void ConfigReader::ReadCors(const YamlValue* value) {
  if (value == nullptr) return;
  MapReader reader(*value, "server.cors", problems_);
  ServerConfig& server = snapshot_.server;
  ReadOrigins(reader.Take("allowed_origins"));
  server.cors_allow_credentials = reader.Bool("allow_credentials");
  server.cors_max_age = reader.Duration("max_age", seconds(0), hours(24));
  reader.Finish();
}

void ConfigReader::ReadOrigins(const YamlValue* value) {
  if (value == nullptr) return;
  if (value->kind != YamlValue::Kind::kList) {
    problems_.Add(value->mark, "BAD_VALUE",
                  fmt::format("allowed_origins is {} where a list is expected: "
                              "[\"https://app.example.com\"]",
                              value->KindName()));
    return;
  }
  auto& origins = snapshot_.server.cors_allowed_origins.emplace();
  for (const YamlValue& item : value->items) {
    auto pattern = base::WebOriginPattern::Parse(item.scalar);
    if (pattern) {
      origins.push_back(*std::move(pattern));
    } else {
      problems_.Add(item.mark, pattern.error().reason(), pattern.error().message());
    }
  }
}

void ConfigReader::ReadTls(const YamlValue* value) {
  if (value == nullptr) return;
  MapReader reader(*value, "server.tls", problems_);
  ServerConfig& server = snapshot_.server;
  server.tls_certificate = reader.String("certificate");
  server.tls_key = reader.String("key");
  server.tls_client_ca = reader.String("client_ca");
  server.tls_min_version = reader.OneOf("min_version", {"1.2", "1.3"});
  reader.Finish();
}

void ConfigReader::ReadLimits(const YamlValue* value) {
  if (value == nullptr) return;
  MapReader reader(*value, "server.limits", problems_);
  ServerConfig& server = snapshot_.server;
  server.max_connections = reader.Number("max_connections", 1, 1'000'000);
  server.max_concurrent_streams = reader.Number("max_concurrent_streams", 1, 1'000'000);
  server.max_header_list_bytes = reader.Size("max_header_list_bytes", 1024, 1u << 20);
  server.max_message_bytes = reader.Size("max_message_bytes", 1024, kMaxValueBytes);
  server.max_unsent_bytes = reader.Size("max_unsent_bytes", 1024, kMaxValueBytes);
  server.max_buffered_bytes = reader.Size("max_buffered_bytes", 1 << 20, std::uint64_t{1} << 40);
  server.handshake_timeout = reader.Duration("handshake_timeout", milliseconds(100), hours(1));
  server.header_timeout = reader.Duration("header_timeout", milliseconds(100), hours(1));
  server.body_timeout = reader.Duration("body_timeout", milliseconds(100), hours(24));
  server.send_timeout = reader.Duration("send_timeout", milliseconds(100), hours(24));
  server.max_connection_age =
      reader.Duration("max_connection_age", milliseconds(0), hours(24 * 365));
  server.idle_timeout = reader.Duration("idle_timeout", seconds(1), hours(24 * 30));
  server.keepalive_time = reader.Duration("keepalive_time", seconds(1), hours(24));
  server.keepalive_timeout = reader.Duration("keepalive_timeout", milliseconds(100), hours(1));
  reader.Finish();
}

void ConfigReader::ReadMemory(const YamlValue* value) {
  if (value == nullptr) return;
  MapReader reader(*value, "memory", problems_);
  snapshot_.server.memory_max_bytes = reader.Size("max_bytes", 1u << 20);
  reader.Finish();
}

void ConfigReader::ReadBackup(const YamlValue* value) {
  if (value == nullptr) return;
  MapReader reader(*value, "backup", problems_);
  snapshot_.server.backup_dir = reader.String("dir");
  snapshot_.server.backup_keep_days = reader.Number("keep_days", 1, 36'500);
  reader.Finish();
}

void ConfigReader::CheckName(const std::string& name, Mark mark, std::string_view what) {
  if (base::IsValidName(name)) return;
  problems_.Add(mark, "BAD_NAME",
                fmt::format("\"{}\" can't name {}: use 1 to {} of a-z, 0-9 and -, beginning with a "
                            "letter or digit",
                            name, what, base::kMaxNameLength));
}

void ConfigReader::ReadBackends(const YamlValue* value) {
  if (value != nullptr && value->kind != YamlValue::Kind::kNull) {
    if (value->kind != YamlValue::Kind::kMap) {
      problems_.Add(value->mark, "BAD_VALUE",
                    fmt::format("backends is {} where a map is expected: NAME: {{type: TYPE}}",
                                value->KindName()));
    }
    for (const auto& [key, fields] : value->fields) ReadBackend(key, fields);
  }
  for (BackendConfig& builtin : BuiltinBackends()) {
    if (std::ranges::find(snapshot_.backends, builtin.name, &BackendConfig::name) ==
        snapshot_.backends.end()) {
      implied_.push_back(builtin.name);
      snapshot_.backends.push_back(std::move(builtin));
    }
  }
  std::ranges::sort(snapshot_.backends, {}, &BackendConfig::name);
}

void ConfigReader::ReadBackend(const YamlKey& key, const YamlValue& value) {
  BackendConfig config;
  config.name = key.text;
  CheckName(key.text, key.mark, "a backend");
  MapReader reader(value, fmt::format("the backend \"{}\"", key.text), problems_);
  if (auto type = reader.String("type")) {
    config.type = *type == "memstore" ? "memory" : *type;
    if (!base::IsValidName(config.type)) {
      reader.Add(value.mark, "BAD_VALUE",
                 fmt::format("\"{}\" can't be a backend type: examples are memory, sqlite, redis, "
                             "postgres",
                             *type));
    }
  } else {
    reader.Add(key.mark, "MISSING_KEY",
               fmt::format("the backend \"{}\" has no type: add type: memory (or sqlite, redis, "
                           "postgres ...)",
                           key.text));
  }
  const YamlValue* connection = reader.Take("connection");
  if (connection != nullptr) {
    config.connection = connection->scalar;
    if (auto secret = FindLiteralSecret(config.connection)) {
      reader.Add(connection->mark, "LITERAL_SECRET", *std::move(secret));
    } else if (auto refs = base::FindSecretRefs(config.connection); !refs) {
      reader.Add(connection->mark, refs.error().reason(), refs.error().message());
    }
  }
  config.username = reader.String("username").value_or("");
  const YamlValue* password = reader.Take("password");
  if (password != nullptr) {
    config.password = password->scalar;
    if (!base::IsSecretRef(config.password)) {
      config.password.clear();
      reader.Add(
          password->mark, "LITERAL_SECRET",
          "the password stands here in clear text: write \"${env:NAME}\" or \"${file:PATH}\" "
          "in its place, and put the password there");
    }
  }
  reader.Finish();
  snapshot_.backends.push_back(std::move(config));
}

void ConfigReader::ReadNamespaces(const YamlValue* value) {
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
  for (const YamlValue& item : value->items) ReadNamespace(item);
  std::ranges::sort(snapshot_.namespaces, {}, &NamespaceConfig::name);
}

void ConfigReader::ReadNamespace(const YamlValue& value) {
  NamespaceConfig config;
  MapReader reader(value, "the namespace", problems_);
  // An entry with nothing behind its dash lacks everything; of what is no map that is said already.
  const bool may_lack = value.kind == YamlValue::Kind::kMap || value.kind == YamlValue::Kind::kNull;
  if (auto name = reader.String("name")) {
    config.name = *std::move(name);
    config.settings.name = config.name;
    CheckName(config.name, value.mark, "a namespace");
    const auto [it, inserted] = names_.emplace(config.name, value.mark);
    if (!inserted) {
      reader.Add(value.mark, "DUPLICATE_NAME",
                 fmt::format("there are two namespaces \"{}\" (the first in line {}): rename or "
                             "remove one",
                             config.name, it->second.line));
      return;
    }
  } else if (may_lack) {
    reader.Add(value.mark, "MISSING_KEY", "a namespace without name: add name: NAME");
  }
  const YamlValue* backend = reader.Take("backend");
  if (backend != nullptr) {
    config.backend = backend->scalar;
    CheckBackendExists(config, backend->mark);
  } else if (may_lack) {
    reader.Add(
        value.mark, "MISSING_KEY",
        fmt::format(
            "the namespace \"{}\" has no backend: add backend: NAME, one of {}", config.name,
            fmt::join(snapshot_.backends | std::views::transform(&BackendConfig::name), ", ")));
  }
  ReadPattern(reader, config);
  ReadSettings(reader, config);
  reader.Finish();
  snapshot_.namespaces.push_back(std::move(config));
}

// What nobody asked for must not make a data directory.
void ConfigReader::DropUnusedBuiltins() {
  for (const std::string& name : implied_) {
    const auto uses = [&name](const NamespaceConfig& config) { return config.backend == name; };
    if (std::ranges::any_of(snapshot_.namespaces, uses)) continue;
    std::erase_if(snapshot_.backends,
                  [&name](const auto& backend) { return backend.name == name; });
  }
}

void ConfigReader::CheckBackendExists(const NamespaceConfig& config, Mark mark) {
  if (snapshot_.FindBackend(config.backend) != nullptr) return;
  std::vector<std::string> names;
  for (const BackendConfig& backend : snapshot_.backends) names.push_back(backend.name);
  const auto nearest = base::NearestMatch(config.backend, names);
  problems_.Add(mark, "BACKEND_NOT_FOUND",
                fmt::format("there is no backend \"{}\": {}", config.backend,
                            nearest ? fmt::format("did you mean \"{}\"?", *nearest)
                                    : fmt::format("configured are {}", fmt::join(names, ", "))));
}

void ConfigReader::ReadPattern(MapReader& reader, NamespaceConfig& config) {
  const YamlValue* pattern = reader.Take("pattern");
  if (pattern == nullptr) return;
  config.pattern = pattern->scalar;
  std::ranges::replace(config.pattern, '_', '-');
  if (!base::IsValidName(config.pattern)) {
    reader.Add(pattern->mark, "BAD_VALUE",
               "pattern must be the id of a data model or of a pattern, like keyvalue");
  }
}

void ConfigReader::ReadSettings(MapReader& reader, NamespaceConfig& config) {
  if (auto consistency = reader.OneOf("consistency", {"strong", "causal", "eventual"})) {
    config.consistency = *consistency == "strong"   ? Consistency::kStrong
                         : *consistency == "causal" ? Consistency::kCausal
                                                    : Consistency::kEventual;
  }
  ReadStatus(reader, config);
  ReadFeatures(reader, config);
  config.owner = reader.String("owner").value_or("");
  config.tags = reader.Strings("tags");
  if (config.owner.size() > kMaxTextBytes) {
    reader.Add(reader.mark(), "BAD_VALUE", "owner must have at most 1024 bytes");
  }
  for (const std::string& tag : config.tags) {
    if (tag.empty() || tag.size() > kMaxTextBytes) {
      reader.Add(reader.mark(), "BAD_VALUE", "each of the tags must have 1 to 1024 bytes");
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

void ConfigReader::ReadStatus(MapReader& reader, NamespaceConfig& config) {
  const auto status = reader.OneOf("status", {"active", "disabled", "migrating"});
  if (!status) return;
  config.status = *status == "active"     ? NamespaceStatus::kActive
                  : *status == "disabled" ? NamespaceStatus::kDisabled
                                          : NamespaceStatus::kMigrating;
}

void ConfigReader::ReadFeatures(MapReader& reader, NamespaceConfig& config) {
  const YamlValue* value = reader.Take("features");
  if (value == nullptr) return;
  if (value->fields.size() > kMaxFeatures) {
    reader.Add(value->mark, "BAD_VALUE", fmt::format("more than {} features", kMaxFeatures));
    return;
  }
  MapReader features(*value, "features", problems_);
  for (const auto& [key, flag] : value->fields) {
    CheckName(key.text, key.mark, "a feature");
    std::string taken = key.text;  // keys are looked for with _, whichever way they are written
    std::ranges::replace(taken, '-', '_');
    if (const auto on = features.Bool(taken)) config.features[key.text] = *on;
  }
}

Error Unreadable(const std::string& path, std::string_view why) {
  return Error(
      Code::kFailedPrecondition, "CONFIG_UNREADABLE",
      fmt::format("{} can't be read ({}): make it a file that this user may read", path, why));
}

}  // namespace

Result<std::shared_ptr<const Snapshot>> ParseConfig(std::string_view text,
                                                    const std::string& file) {
  Problems problems(file);
  const YamlValue root = ParseYaml(text, YamlLimits{}, problems);
  auto snapshot = std::make_shared<Snapshot>();
  // What stands behind a syntax error is not there: complaints about it would mislead.
  const bool whole = std::ranges::all_of(
      problems.all(), [](const Problem& problem) { return problem.reason == "DUPLICATE_KEY"; });
  if (whole) *snapshot = ConfigReader(problems).Read(root);
  if (!problems.empty()) return std::unexpected(std::move(problems).ToError());
  return snapshot;
}

Result<std::shared_ptr<const Snapshot>> YamlSource::Load() {
  std::error_code failed;
  if (!std::filesystem::exists(path_, failed)) {
    return std::unexpected(
        Error(Code::kNotFound, "CONFIG_NOT_FOUND",
              fmt::format("there is no file {}: check the path given with --config", path_)));
  }
  if (!std::filesystem::is_regular_file(path_, failed)) {
    return std::unexpected(Unreadable(path_, "it is no regular file"));
  }
  const std::uintmax_t size = std::filesystem::file_size(path_, failed);
  if (!failed && size > YamlLimits{}.max_bytes) {
    return std::unexpected(Unreadable(path_, "it is larger than 16 MiB"));
  }
  std::ifstream file(path_, std::ios::binary);
  if (!file) return std::unexpected(Unreadable(path_, std::strerror(errno)));
  std::ostringstream text;
  text << file.rdbuf();
  if (file.bad()) return std::unexpected(Unreadable(path_, std::strerror(errno)));
  return ParseConfig(text.view(), path_);
}

}  // namespace prism::namespaces

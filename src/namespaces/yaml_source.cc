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

#include "base/web_origin.h"
#include "namespaces/backend_reader.h"
#include "namespaces/branching_reader.h"
#include "namespaces/map_reader.h"
#include "namespaces/namespace_reader.h"
#include "namespaces/problems.h"
#include "namespaces/yaml_value.h"

namespace prism::namespaces {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

const YamlValue* Peek(const YamlValue& map, std::string_view key) {
  const auto it = std::ranges::find(map.fields, key, [](const YamlField& f) { return f.key.text; });
  return it == map.fields.end() ? nullptr : &it->value;
}

class ConfigReader {
 public:
  // `known`: backends that need not be written to be used; they go before the built-in ones.
  explicit ConfigReader(Problems& problems, ConfigList<BackendConfig> known = {})
      : problems_(problems), known_(std::move(known)) {}

  Snapshot Read(const YamlValue& root) {
    MapReader top(root, "the configuration", problems_);
    ReadServer(top.Take("server"));
    ReadSecurity(top.Take("security"));
    ReadMemory(top.Take("memory"));
    ReadBackup(top.Take("backup"));
    if (const YamlValue* branching = top.Take("branching")) {
      snapshot_.server.branching = ReadBranching(*branching, problems_);
    }
    const YamlValue* backends = top.Take("backends");
    const YamlValue* namespaces = top.Take("namespaces");
    const YamlValue* pattern = Peek(root, "pattern");
    snapshot_.declared = backends != nullptr || namespaces != nullptr || pattern != nullptr;
    ReadBackends(backends);
    ReadNamespaces(top, root, namespaces, pattern);
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
  void ReadSecurity(const YamlValue* value);
  void ReadMemory(const YamlValue* value);
  void ReadBackup(const YamlValue* value);
  void ReadBackends(const YamlValue* value);
  void ReadNamespaces(MapReader& top, const YamlValue& root, const YamlValue* namespaces,
                      const YamlValue* pattern);
  void DropUnusedBuiltins();

  // A backend that is there unless the file writes one of its name.
  void Imply(BackendConfig backend);

  Problems& problems_;
  const ConfigList<BackendConfig> known_;
  Snapshot snapshot_;
  std::vector<std::string> implied_;  // backends that are there without being written
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

void ConfigReader::ReadSecurity(const YamlValue* value) {
  if (value == nullptr) return;
  MapReader reader(*value, "security", problems_);
  snapshot_.server.authentication = reader.Bool("authentication");
  if (auto admins = reader.Principals("admins"); !admins.empty()) {
    snapshot_.server.admins = std::move(admins);
  }
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

void ConfigReader::ReadBackends(const YamlValue* value) {
  if (value != nullptr && value->kind != YamlValue::Kind::kNull) {
    if (value->kind != YamlValue::Kind::kMap) {
      problems_.Add(value->mark, "BAD_VALUE",
                    fmt::format("backends is {} where a map is expected: NAME: {{type: TYPE}}",
                                value->KindName()));
    }
    for (const auto& [key, fields] : value->fields) {
      snapshot_.backends.push_back(ReadBackend(key, fields, problems_));
    }
  }
  for (const BackendConfig& backend : known_) Imply(backend);
  for (BackendConfig& builtin : BuiltinBackends()) Imply(std::move(builtin));
  snapshot_.backends.SortByName();
}

void ConfigReader::Imply(BackendConfig backend) {
  const auto& backends = snapshot_.backends;
  const bool there =
      std::ranges::find(backends, backend.name, &BackendConfig::name) != backends.end();
  if (there) return;
  implied_.push_back(backend.name);
  snapshot_.backends.push_back(std::move(backend));
}

void ConfigReader::ReadNamespaces(MapReader& top, const YamlValue& root,
                                  const YamlValue* namespaces, const YamlValue* pattern) {
  NamespaceReader reader(problems_, snapshot_);
  if (pattern == nullptr) return reader.ReadList(namespaces);
  if (namespaces != nullptr) {
    top.Add(pattern->mark, "BAD_VALUE",
            "a file with pattern at its top is one namespace: move it into namespaces");
  }
  reader.ReadWhole(top, root);
}

// What nobody asked for must not make a data directory.
void ConfigReader::DropUnusedBuiltins() {
  for (const std::string& name : implied_) {
    const auto uses = [&name](const NamespaceConfig& config) {
      const auto used = BackendsOf(config);
      return std::ranges::find(used, name) != used.end();
    };
    if (std::ranges::any_of(snapshot_.namespaces, uses)) continue;
    snapshot_.backends.EraseIf([&name](const auto& backend) { return backend.name == name; });
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

Result<ConfigPart> ParsePart(std::string_view text, const std::string& file,
                             const ConfigList<BackendConfig>& known) {
  Problems problems(file);
  const YamlValue root = ParseYaml(text, YamlLimits{}, problems);
  if (!problems.empty()) return std::unexpected(std::move(problems).ToError());
  Snapshot snapshot = ConfigReader(problems, known).Read(root);
  if (!snapshot.declared) {
    problems.Add({}, "NOTHING_DECLARED", "there are neither backends nor namespaces in it");
  }
  if (!problems.empty()) return std::unexpected(std::move(problems).ToError());
  ConfigPart part;
  const YamlValue* listed = Peek(root, "backends");
  const bool written = Peek(root, "namespaces") != nullptr || Peek(root, "pattern") != nullptr;
  for (const BackendConfig& backend : snapshot.backends) {
    const bool needed = written || (listed != nullptr && Peek(*listed, backend.name) != nullptr);
    if (needed) part.backends.push_back(backend);
  }
  if (written) part.namespaces = std::move(snapshot.namespaces);
  return part;
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
    return std::unexpected(Error(Code::kFailedPrecondition, "CONFIG_TOO_LARGE",
                                 fmt::format("{} has {} bytes, at most {} are read: split it into "
                                             "parts, and import each with prism config import",
                                             path_, size, YamlLimits{}.max_bytes)));
  }
  std::ifstream file(path_, std::ios::binary);
  if (!file) return std::unexpected(Unreadable(path_, std::strerror(errno)));
  std::ostringstream text;
  text << file.rdbuf();
  if (file.bad()) return std::unexpected(Unreadable(path_, std::strerror(errno)));
  return ParseConfig(text.view(), path_);
}

}  // namespace prism::namespaces

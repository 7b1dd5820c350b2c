#include "namespaces/branching_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret_ref.h"
#include "namespaces/map_reader.h"
#include "namespaces/text_bounds.h"

namespace prism::namespaces {

namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr std::size_t kMaxPathBytes = 4096;   // PATH_MAX
constexpr std::size_t kMaxRoleBytes = 63;     // NAMEDATALEN - 1
constexpr std::size_t kMaxBranchBytes = 255;  // of a name as people spell it
constexpr std::size_t kMaxDomainBytes = 253;  // RFC 1035 section 2.3.4, without the last dot
constexpr std::size_t kMaxImageBytes = 512;   // registry, name, tag and digest
constexpr std::size_t kMaxNetworkBytes = 255;
constexpr std::size_t kMaxPatterns = 100;
constexpr std::size_t kMaxBinDirs = 100;
constexpr std::size_t kMaxProxies = 100;
constexpr std::size_t kMaxProxyBytes = 64;  // of an address with its prefix
// mkfs.btrfs wants 109 MiB; less than this holds no database with its branches.
constexpr std::uint64_t kMinStoreBytes = std::uint64_t{1} << 28;
constexpr std::uint64_t kMaxStoreBytes = std::uint64_t{1} << 50;

// With less an idle server does not start.
constexpr std::uint64_t kMinServerBytes = std::uint64_t{16} << 20;
constexpr std::uint64_t kMaxServerBytes = std::uint64_t{1} << 50;

std::optional<std::string> WhenEmpty(std::string_view text) {
  if (!text.empty()) return std::nullopt;
  return "is empty: leave it out for its default";
}

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Begins with a letter or digit, and goes on with these and `others`.
bool IsNameWith(std::string_view text, std::string_view others) {
  const auto may_be_in = [others](char c) { return IsLetterOrDigit(c) || others.contains(c); };
  return !text.empty() && IsLetterOrDigit(text.front()) && std::ranges::all_of(text, may_be_in);
}

std::optional<std::string> WhenNoDomain(std::string_view text) {
  if (IsNameWith(text, "-.") && IsLetterOrDigit(text.back())) return std::nullopt;
  return "must be the end of the names of hosts that stand for branches, like db.example.com";
}

std::optional<std::string> WhenNoImage(std::string_view text) {
  if (IsNameWith(text, "-._/:@")) return std::nullopt;
  return "must be the name of an image, like postgres:15-alpine";
}

std::optional<std::string> WhenNoNetwork(std::string_view text) {
  if (IsNameWith(text, "-._")) return std::nullopt;
  return "must be the name of a network of Docker, or none";
}

class Reader {
 public:
  Reader(const YamlValue& value, Problems& problems)
      : reader_(value, "branching", problems), problems_(problems) {}

  BranchingConfig Read() {
    config_.listen = reader_.Text("listen", kMaxPathBytes, WhenEmpty);
    ReadSource(reader_.Take("source"));
    config_.superuser = reader_.Text("superuser", kMaxRoleBytes, WhenEmpty);
    ReadStorage(reader_.Take("storage"));
    config_.runtime = reader_.OneOf("runtime", {"process", "docker"});
    config_.image = reader_.Text("image", kMaxImageBytes, WhenNoImage);
    config_.network = reader_.Text("network", kMaxNetworkBytes, WhenNoNetwork);
    config_.docker_socket = reader_.Text("docker_socket", kMaxPathBytes, WhenEmpty);
    config_.user = reader_.Text("user", kMaxTextBytes, WhenEmpty);
    config_.pg_bin_dirs = reader_.TextList("pg_bin_dirs", kMaxBinDirs, kMaxPathBytes);
    config_.idle_timeout = reader_.Duration("idle_timeout", seconds(1), hours(24 * 30));
    config_.hold_timeout = reader_.Duration("hold_timeout", seconds(1), hours(1));
    config_.undo_period = reader_.Duration("undo_period", seconds(0), hours(24 * 365));
    config_.default_branch = reader_.Text("default", kMaxBranchBytes, WhenEmpty);
    config_.allow_source = reader_.Bool("allow_source");
    config_.domain = reader_.Text("domain", kMaxDomainBytes, WhenNoDomain);
    config_.trusted_proxies = reader_.TextList("trusted_proxies", kMaxProxies, kMaxProxyBytes);
    config_.max_connections = reader_.Number("max_connections", 1, 1'000'000);
    config_.max_branches = reader_.Number("max_branches", 1, 100'000);
    config_.max_branches_per_owner = reader_.Number("max_branches_per_owner", 1, 100'000);
    config_.max_disk_per_owner =
        reader_.Size("max_disk_per_owner", kMinServerBytes, kMaxStoreBytes);
    config_.max_memory_per_owner =
        reader_.Size("max_memory_per_owner", kMinServerBytes, kMaxServerBytes);
    config_.max_connections_per_owner = reader_.Number("max_connections_per_owner", 1, 1'000'000);
    config_.memory_limit = reader_.Size("memory_limit", kMinServerBytes, kMaxServerBytes);
    config_.warm_pool = reader_.Number("warm_pool", 0, 100);
    config_.refresh_interval = reader_.Duration("refresh_interval", seconds(1), hours(24 * 30));
    config_.keep_generations = reader_.Number("keep_generations", 1, 1000);
    ReadAutoCreate(reader_.Take("auto_create"));
    config_.profile = reader_.OneOf("profile", {"disposable", "durable"});
    config_.control_listen = reader_.Text("control_listen", kMaxPathBytes);
    config_.tls = reader_.Bool("tls");
    config_.tls_required = reader_.Bool("tls_required");
    reader_.Refuse("docker", "see runtime, image, network and docker_socket");
    reader_.Finish();
    return std::move(config_);
  }

 private:
  // The path of a template, or a map that says what kind of source it is.
  void ReadSource(const YamlValue* value) {
    if (value == nullptr) return;
    if (value->kind != YamlValue::Kind::kMap) {
      auto path = reader_.Text("source", kMaxPathBytes, WhenEmpty);
      if (path) config_.source = BranchSourceConfig{.path = *std::move(path)};
      return;
    }
    MapReader source(*value, "branching.source", problems_);
    using Kind = BranchSourceConfig::Kind;
    std::vector<BranchSourceConfig> found;
    for (const auto& [key, kind] :
         {std::pair("template", Kind::kTemplate), std::pair("dump", Kind::kDump),
          std::pair("managed", Kind::kManaged)}) {
      auto path = source.Text(key, kMaxPathBytes, WhenEmpty);
      if (path) found.push_back({.kind = kind, .path = *std::move(path)});
    }
    const auto roles = source.Text("roles", kMaxPathBytes, WhenEmpty);
    const std::string password = ReadPassword(source);
    source.Finish();
    if (found.size() != 1) {
      source.Add(source.mark(), "BAD_VALUE",
                 "branching.source is one of template (a stopped data directory), dump (of pg_dump "
                 "or pg_dumpall) and managed (a data directory whose server is run here)");
      return;
    }
    config_.source = std::move(found.front());
    config_.source->roles = roles.value_or("");
    config_.source->password = password;
    if (config_.source->kind == Kind::kDump || (!roles && password.empty())) return;
    source.Add(source.mark(), "BAD_VALUE",
               "roles and password are of a dump: a data directory has its roles and passwords");
  }

  // A reference, or nothing.
  static std::string ReadPassword(MapReader& source) {
    const YamlValue* password = source.Take("password");
    if (password == nullptr) return {};
    if (base::IsSecretRef(password->scalar)) return password->scalar;
    source.Add(password->mark, "LITERAL_SECRET",
               "branching.source.password must be \"${env:NAME}\" or \"${file:PATH}\": put the "
               "password there");
    return {};
  }

  void ReadAutoCreate(const YamlValue* value) {
    if (value == nullptr) return;
    std::vector<AutoCreateRule> rules;
    const bool is_list = value->kind == YamlValue::Kind::kList;
    bool wrong = !is_list || value->items.size() > kMaxPatterns;
    for (const YamlValue& item : value->items) {
      if (item.kind == YamlValue::Kind::kMap) {
        rules.push_back(ReadRule(item));
        continue;
      }
      wrong = wrong || item.kind != YamlValue::Kind::kScalar || item.scalar.empty() ||
              WrongText(item.scalar, kMaxBranchBytes);
      rules.push_back({.users = {}, .names = {item.scalar}});
    }
    if (wrong) {
      reader_.Add(value->mark, "BAD_VALUE",
                  fmt::format("auto_create must be a list of at most {} patterns of names, each of "
                              "1 to {} bytes, or maps of users and names",
                              kMaxPatterns, kMaxBranchBytes));
    }
    config_.auto_create = std::move(rules);
  }

  AutoCreateRule ReadRule(const YamlValue& value) {
    MapReader entry(value, "an entry of branching.auto_create", problems_);
    AutoCreateRule rule{.users = entry.Texts("users", kMaxPatterns, kMaxRoleBytes),
                        .names = entry.Texts("names", kMaxPatterns, kMaxBranchBytes)};
    entry.Finish();
    if (rule.users.empty() || rule.names.empty()) {
      entry.Add(value.mark, "BAD_VALUE",
                "an entry of auto_create has users, and the names that they may give: "
                "{users: [ci], names: [\"pr-*\"]}");
    }
    return rule;
  }

  void ReadStorage(const YamlValue* value) {
    if (value == nullptr) return;
    MapReader storage(*value, "branching.storage", problems_);
    config_.storage_path = storage.Text("path", kMaxPathBytes, WhenEmpty);
    config_.storage_size = storage.Size("size", kMinStoreBytes, kMaxStoreBytes);
    storage.Finish();
  }

  MapReader reader_;
  Problems& problems_;
  BranchingConfig config_;
};

}  // namespace

BranchingConfig ReadBranching(const YamlValue& value, Problems& problems) {
  return Reader(value, problems).Read();
}

}  // namespace prism::namespaces

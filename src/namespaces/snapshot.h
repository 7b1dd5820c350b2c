// The configuration as everything else sees it: immutable, complete, checked.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/web_origin.h"
#include "contract/backend.h"
#include "namespaces/branching_config.h"
#include "namespaces/config_list.h"
#include "namespaces/needs.h"
#include "namespaces/shadow_config.h"

namespace prism::namespaces {

using contract::Consistency;
using contract::ConsistencyName;

// Whether its calls are served. kMigrating is served like kActive: its data is on its way to
// another backend.
enum class NamespaceStatus : std::uint8_t { kActive, kDisabled, kMigrating };
template <>
inline constexpr std::array<std::string_view, 3> kNamesOf<NamespaceStatus> = {"active", "disabled",
                                                                              "migrating"};
std::string_view NamespaceStatusName(NamespaceStatus status);

// A configured connection of one type. Secrets are references: nothing here is resolved.
struct BackendConfig {
  std::string name;
  std::string type;
  std::string connection;
  std::string username;
  std::string password;  // a reference, or empty

  bool operator==(const BackendConfig&) const = default;
};

// What one slot of a pattern is bound to.
struct SlotConfig {
  std::string name;
  std::string backend;  // name of a BackendConfig of the same snapshot
  std::string
      interface;  // what the slot shall use of it, "keyvalue_basic"; empty: whatever it needs

  bool operator==(const SlotConfig&) const = default;
};

// One pattern of a stack.
struct PatternConfig {
  std::string type;  // in kebab case
  std::vector<SlotConfig> slots;
  std::map<std::string, std::string> config;

  bool operator==(const PatternConfig&) const = default;
};

// Principals beside the owner who may do something in a namespace, when callers are asked who they
// are; `*`: whoever is known.
struct AccessLists {
  std::vector<std::string> read;
  std::vector<std::string> write;
  std::vector<std::string> admin;

  bool operator==(const AccessLists&) const = default;
};

// One namespace on one backend, or on those of its patterns' slots.
struct NamespaceConfig {
  std::string name;
  // Name of a BackendConfig of the same snapshot: below the patterns, or else of the first slot.
  std::string backend;
  // A data model ("keyvalue") or the first of the patterns ("multicast-registry"), in kebab case;
  // empty: all models of the backend.
  std::string pattern;
  std::vector<PatternConfig> patterns;  // with slots; application first
  NamespaceStatus status = NamespaceStatus::kActive;
  Consistency consistency = Consistency::kStrong;
  std::string owner;
  AccessLists access;
  std::vector<std::string> tags;
  Needs needs;
  std::optional<ShadowConfig> shadow;    // nothing: calls are not mirrored
  std::uint64_t cache_ttl_seconds = 0;   // of the cache pattern; 0: its default
  std::map<std::string, bool> features;  // flags that applications read
  std::uint64_t rate_limit_rps = 0;      // 0: no limit
  std::uint64_t max_in_flight = 4096;    // calls at the same time, on this instance
  std::chrono::milliseconds default_timeout{30'000};
  contract::NamespaceSettings settings;

  bool operator==(const NamespaceConfig&) const = default;
};

// Options of the server. What is not set here comes from a default; flags and the environment go
// first.
struct ServerConfig {
  std::optional<std::string> listen;
  std::optional<std::string> admin_listen;
  std::optional<std::string> data_dir;
  std::optional<std::string> user;
  std::optional<std::uint64_t> shards;
  std::optional<std::chrono::milliseconds> drain_timeout;
  std::optional<std::chrono::milliseconds> rebind_grace;
  std::optional<std::chrono::milliseconds> queue_delay_target;
  std::optional<std::chrono::milliseconds> slow_request_threshold;
  std::optional<bool> insecure;
  std::optional<bool> authentication;
  std::optional<std::vector<std::string>> admins;  // principals
  std::optional<std::vector<base::WebOriginPattern>> cors_allowed_origins;
  std::optional<bool> cors_allow_credentials;
  std::optional<std::chrono::milliseconds> cors_max_age;
  std::optional<std::string> log_level;
  std::optional<std::string> log_format;
  std::optional<std::string> tls_certificate;
  std::optional<std::string> tls_key;
  std::optional<std::string> tls_client_ca;
  std::optional<std::string> tls_min_version;  // "1.2" or "1.3"
  std::optional<std::uint64_t> max_connections;
  std::optional<std::uint64_t> max_concurrent_streams;
  std::optional<std::uint64_t> max_header_list_bytes;
  std::optional<std::uint64_t> max_message_bytes;
  std::optional<std::uint64_t> max_unsent_bytes;
  std::optional<std::uint64_t> max_buffered_bytes;
  std::optional<std::chrono::milliseconds> handshake_timeout;
  std::optional<std::chrono::milliseconds> header_timeout;
  std::optional<std::chrono::milliseconds> body_timeout;
  std::optional<std::chrono::milliseconds> send_timeout;
  std::optional<std::chrono::milliseconds> max_connection_age;
  std::optional<std::chrono::milliseconds> idle_timeout;
  std::optional<std::chrono::milliseconds> keepalive_time;
  std::optional<std::chrono::milliseconds> keepalive_timeout;
  std::optional<std::string> backup_dir;
  std::optional<std::uint64_t> backup_keep_days;
  std::optional<std::uint64_t> memory_max_bytes;  // of the embedded memory engine
  BranchingConfig branching;

  bool operator==(const ServerConfig&) const = default;
};

// Backends and namespaces are sorted by name and unique; every namespace and every slot names a
// backend that is there.
struct Snapshot {
  ServerConfig server;
  ConfigList<BackendConfig> backends;
  ConfigList<NamespaceConfig> namespaces;
  // Somebody wrote backends or namespaces down; else they are the built-in ones.
  bool declared = false;
  std::int64_t revision = 0;  // of the store that keeps it; 0: none does

  const BackendConfig* FindBackend(std::string_view name) const;
  const NamespaceConfig* FindNamespace(std::string_view name) const;
};

// The backends that a namespace needs, its own first, that of its shadow last.
std::vector<std::string> BackendsOf(const NamespaceConfig& config);

// Ids of its data model or patterns, application first, which is its shadow if it has one; none: it
// offers all models of its backend.
std::vector<std::string> PatternsOf(const NamespaceConfig& config);

// INVALID_ARGUMENT/BACKEND_NOT_FOUND with every namespace that names a backend that is not there.
Status CheckReferences(const Snapshot& snapshot);

// Whether the pattern id is one of the data models, so that no pattern has to be installed for it.
bool IsDataModel(std::string_view pattern);
// Whether the id is that of a pattern, which need not be part of this program.
bool IsPattern(std::string_view pattern);
// The data model or pattern that was most likely meant by an id that is neither.
std::optional<std::string> NearestPattern(std::string_view id);

// What runs without any configuration: `default` on sqlite and `scratch` on memory, all models.
std::vector<BackendConfig> BuiltinBackends();
std::vector<NamespaceConfig> BuiltinNamespaces();

// Where snapshots come from. Thread rule: one control thread; Load may block.
class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  // Reads and checks the configuration as it is now. On failure the error's fields are all the
  // problems, each with its place ("prism.yaml:3:7").
  virtual Result<std::shared_ptr<const Snapshot>> Load() = 0;
  // Names the source for people: a path, or "built-in defaults".
  virtual std::string Describe() const = 0;
};

// The source of a server without configuration.
class DefaultSource final : public SnapshotSource {
 public:
  Result<std::shared_ptr<const Snapshot>> Load() override;
  std::string Describe() const override { return "built-in defaults"; }
};

}  // namespace prism::namespaces

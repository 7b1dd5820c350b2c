// The options of `prism serve` from all their sources: flags > environment > file > default.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/branching_settings.h"
#include "base/status.h"
#include "namespaces/snapshot.h"
#include "rpc/call/cors.h"
#include "rpc/server.h"
#include "rpc/tls/tls_context.h"
#include "telemetry/log.h"

namespace prism::app {

// One option that has a flag and an environment variable.
struct Setting {
  std::string_view name;         // of the flag, without dashes; see EnvironmentName
  std::string_view placeholder;  // empty: a switch
  std::string_view help;
  // Reads the text into the configuration; INVALID_ARGUMENT/BAD_OPTION.
  Status (*set)(namespaces::ServerConfig& config, const std::string& text);
  // Of the environment; empty: PRISM_ and the name.
  std::string_view variable = {};
};
std::span<const Setting> Settings();

// "PRISM_DRAIN_TIMEOUT" of "drain-timeout".
std::string EnvironmentName(const Setting& setting);

// Reads all settings that `lookup` has (a variable's or a flag's value by setting). Every mistake
// is in the message, with `describe(setting)` as the place.
Result<namespaces::ServerConfig> ReadSettings(
    const std::function<std::optional<std::string>(const Setting&)>& lookup,
    const std::function<std::string(const Setting&)>& describe);
Result<namespaces::ServerConfig> ReadEnvironment();

// What is set in `over` wins.
namespaces::ServerConfig Overlay(const namespaces::ServerConfig& over,
                                 const namespaces::ServerConfig& under);

// Everything decided.
struct ServerSettings {
  std::string listen;
  std::string admin_listen;
  std::string data_dir;
  std::string user;  // empty: stays who it is
  int shards = 1;
  std::chrono::milliseconds drain_timeout{30'000};
  std::chrono::milliseconds rebind_grace{30'000};
  std::chrono::milliseconds queue_delay_target{100};
  std::chrono::milliseconds slow_request_threshold{1000};  // 0: no request is slow
  bool insecure = false;
  bool authentication = false;      // callers are asked who they are
  std::vector<std::string> admins;  // principals that administer the server
  std::string backup_dir;           // of the configuration store
  int backup_keep_days = 30;        // after which a backup is removed
  rpc::CorsSettings cors;
  telemetry::LogLevel log_level = telemetry::LogLevel::kInfo;
  telemetry::LogFormat log_format = telemetry::LogFormat::kText;
  std::optional<rpc::TlsOptions> tls;  // unset: plain text
  rpc::ServerLimits limits;
  std::uint64_t memory_max_bytes = 0;
  std::optional<BranchingSettings> branching;  // unset: there are no branches
};

// Fills in the defaults. max_message_bytes defaults to what the largest max_value_bytes of the
// snapshot needs.
ServerSettings Decide(const namespaces::ServerConfig& config, const namespaces::Snapshot& snapshot);

// /var/lib/prism for root or under systemd, else $XDG_DATA_HOME/prism or ~/.local/share/prism.
std::string DefaultDataDir();

// FAILED_PRECONDITION/INSECURE_LISTENER when an address is not loopback and nothing protects it;
// INVALID_ARGUMENT/BAD_ADDRESS when it is none.
Status CheckDataExposure(const std::string& address, const ServerSettings& settings);
// The admin port needs authentication and TLS: tokens and secrets of people pass there.
Status CheckAdminExposure(const std::string& address, const ServerSettings& settings);
Status CheckExposure(const ServerSettings& settings);
// Of "127.0.0.1:8980", "[::1]:8980", "localhost:8980", "unix:/path": nobody else gets there.
bool IsLoopback(std::string_view address);
// Whether clients of the data port may come from anywhere: they are asked who they are, show a
// certificate, or nobody minds.
bool MayBeExposed(const ServerSettings& settings);
// Whether anybody does, on either port.
bool IsExposed(const ServerSettings& settings);

}  // namespace prism::app

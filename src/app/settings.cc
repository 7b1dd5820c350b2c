#include "app/settings.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <thread>

#include "base/units.h"
#include "models/memory_budget.h"
#include "rpc/net/listen_socket.h"

namespace prism::app {

namespace {

using namespaces::BranchingConfig;
using namespaces::ServerConfig;

// The same bounds as in a file.
constexpr std::uint64_t kMaxShards = 1024;
constexpr std::uint64_t kMinMemoryBytes = 1u << 20;
constexpr std::chrono::hours kMaxDrainTimeout{1};

Error BadOption(std::string message) {
  return Error(Code::kInvalidArgument, "BAD_OPTION", std::move(message));
}

template <auto kMember>
Status SetText(ServerConfig& config, const std::string& text) {
  config.*kMember = text;
  return {};
}

template <auto kMember>
Status SetBranching(ServerConfig& config, const std::string& text) {
  if (text.empty()) return std::unexpected(BadOption("must not be empty"));
  config.branching.*kMember = text;
  return {};
}

Status SetBranchSource(ServerConfig& config, const std::string& text) {
  if (text.empty()) return std::unexpected(BadOption("must not be empty"));
  config.branching.source = namespaces::BranchSourceConfig{.path = text};
  return {};
}

Status SetShards(ServerConfig& config, const std::string& text) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number == 0 || number > kMaxShards) {
    return std::unexpected(
        BadOption(fmt::format("must be a whole number from 1 to {}", kMaxShards)));
  }
  config.shards = number;
  return {};
}

Status SetMemory(ServerConfig& config, const std::string& text) {
  TRY_ASSIGN(const std::uint64_t size, base::ParseSize(text));
  if (size < kMinMemoryBytes) return std::unexpected(BadOption("must be at least 1MiB"));
  config.memory_max_bytes = size;
  return {};
}

Status SetDrainTimeout(ServerConfig& config, const std::string& text) {
  TRY_ASSIGN(const std::chrono::milliseconds duration, base::ParseDuration(text));
  if (duration.count() < 0 || duration > kMaxDrainTimeout) {
    return std::unexpected(BadOption("must be from 0 to 1h"));
  }
  config.drain_timeout = duration;
  return {};
}

Status SetAuthentication(ServerConfig& config, const std::string& text) {
  if (text != "true" && text != "false") {
    return std::unexpected(BadOption("must be true or false"));
  }
  config.authentication = text == "true";
  return {};
}

Status SetInsecure(ServerConfig& config, const std::string& text) {
  if (text != "true" && text != "false") {
    return std::unexpected(BadOption("must be true or false"));
  }
  config.insecure = text == "true";
  return {};
}

Status SetOrigins(ServerConfig& config, const std::string& text) {
  TRY_ASSIGN(config.cors_allowed_origins, base::ParseWebOrigins(text));
  return {};
}

Status SetLogLevel(ServerConfig& config, const std::string& text) {
  if (!telemetry::ParseLogLevel(text)) {
    return std::unexpected(BadOption("must be one of debug, info, warn, error"));
  }
  config.log_level = text;
  return {};
}

Status SetLogFormat(ServerConfig& config, const std::string& text) {
  if (!telemetry::ParseLogFormat(text)) {
    return std::unexpected(BadOption("must be text or json"));
  }
  config.log_format = text;
  return {};
}

constexpr std::array<Setting, 17> kSettings = {{
    {"listen", "ADDRESS", "Where clients connect (default 127.0.0.1:8980; port 0: any)",
     &SetText<&ServerConfig::listen>},
    {"admin-listen", "ADDRESS", "Where health, metrics and status are (default 127.0.0.1:8981)",
     &SetText<&ServerConfig::admin_listen>},
    {"data-dir", "DIR", "Where durable namespaces keep their data",
     &SetText<&ServerConfig::data_dir>},
    {"user", "NAME", "Who to become once the addresses are taken, when started as root",
     &SetText<&ServerConfig::user>},
    {"shards", "N", "Threads that serve (default: one per core)", &SetShards},
    {"drain-timeout", "DURATION", "How long a stop waits for calls in flight (default 30s)",
     &SetDrainTimeout},
    {"memory-max-bytes", "SIZE",
     "What the memory backends may hold (default: a quarter of the RAM)", &SetMemory},
    {"insecure", "", "Allow listening beyond loopback without authentication", &SetInsecure},
    {"authentication", "", "Ask callers who they are: a token, a certificate, a unix peer",
     &SetAuthentication},
    {"cors-allowed-origins", "ORIGIN,...",
     "Web pages that may call, like https://app.example.com; * for all (default: none)",
     &SetOrigins},
    {"log-level", "LEVEL", "Lines that are logged: debug, info, warn or error (default info)",
     &SetLogLevel},
    {"log-format", "FORMAT", "How they are written: text or json (default: text on a terminal)",
     &SetLogFormat},
    // The client verbs read PRISM_TLS_...: a key to show as a client is no server's.
    {"tls-certificate", "FILE", "Speak TLS on the data port: certificate and its chain, PEM",
     &SetText<&ServerConfig::tls_certificate>, "PRISM_SERVE_TLS_CERTIFICATE"},
    {"tls-key", "FILE", "Key of that certificate, PEM without a passphrase",
     &SetText<&ServerConfig::tls_key>, "PRISM_SERVE_TLS_KEY"},
    {"tls-client-ca", "FILE", "Demand certificates from clients, and who vouches for them, PEM",
     &SetText<&ServerConfig::tls_client_ca>, "PRISM_SERVE_TLS_CLIENT_CA"},
    {"branch-source", "DIR", "Branch this stopped PostgreSQL data directory by connecting to it",
     &SetBranchSource},
    {"branch-listen", "ADDRESS", "Where clients of branches connect (default 127.0.0.1:5432)",
     &SetBranching<&BranchingConfig::listen>},
}};

// Whoever names one of the files wants TLS; what is missing is refused when they are read.
std::optional<rpc::TlsOptions> DecideTls(const ServerConfig& config) {
  if (!config.tls_certificate && !config.tls_key && !config.tls_client_ca &&
      !config.tls_min_version) {
    return std::nullopt;
  }
  return rpc::TlsOptions{
      .certificate = config.tls_certificate.value_or(""),
      .key = config.tls_key.value_or(""),
      .client_ca = config.tls_client_ca.value_or(""),
      .min_version = config.tls_min_version == "1.3" ? rpc::TlsVersion::k13 : rpc::TlsVersion::k12};
}

}  // namespace

std::span<const Setting> Settings() { return kSettings; }

std::string EnvironmentName(const Setting& setting) {
  if (!setting.variable.empty()) return std::string(setting.variable);
  std::string name = "PRISM_";
  for (const char c : setting.name) {
    name += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  return name;
}

Result<ServerConfig> ReadSettings(
    const std::function<std::optional<std::string>(const Setting&)>& lookup,
    const std::function<std::string(const Setting&)>& describe) {
  ServerConfig config;
  std::string wrong;
  for (const Setting& setting : kSettings) {
    const auto text = lookup(setting);
    if (!text) continue;
    if (auto set = setting.set(config, *text); !set) {
      wrong += fmt::format("{}{}: {}", wrong.empty() ? "" : "\n", describe(setting),
                           set.error().message());
    }
  }
  if (!wrong.empty()) return std::unexpected(BadOption(std::move(wrong)));
  return config;
}

Result<ServerConfig> ReadEnvironment() {
  return ReadSettings(
      [](const Setting& setting) -> std::optional<std::string> {
        const char* value = std::getenv(EnvironmentName(setting).c_str());
        if (value == nullptr) return std::nullopt;
        return value;
      },
      [](const Setting& setting) { return EnvironmentName(setting); });
}

ServerConfig Overlay(const ServerConfig& over, const ServerConfig& under) {
  ServerConfig result = under;
  const auto take = [](auto& into, const auto& from) {
    if (from) into = from;
  };
  take(result.listen, over.listen);
  take(result.admin_listen, over.admin_listen);
  take(result.data_dir, over.data_dir);
  take(result.user, over.user);
  take(result.shards, over.shards);
  take(result.drain_timeout, over.drain_timeout);
  take(result.rebind_grace, over.rebind_grace);
  take(result.queue_delay_target, over.queue_delay_target);
  take(result.slow_request_threshold, over.slow_request_threshold);
  take(result.insecure, over.insecure);
  take(result.authentication, over.authentication);
  take(result.admins, over.admins);
  take(result.cors_allowed_origins, over.cors_allowed_origins);
  take(result.cors_allow_credentials, over.cors_allow_credentials);
  take(result.cors_max_age, over.cors_max_age);
  take(result.log_level, over.log_level);
  take(result.log_format, over.log_format);
  take(result.tls_certificate, over.tls_certificate);
  take(result.tls_key, over.tls_key);
  take(result.tls_client_ca, over.tls_client_ca);
  take(result.tls_min_version, over.tls_min_version);
  take(result.max_connections, over.max_connections);
  take(result.max_concurrent_streams, over.max_concurrent_streams);
  take(result.max_header_list_bytes, over.max_header_list_bytes);
  take(result.max_message_bytes, over.max_message_bytes);
  take(result.max_unsent_bytes, over.max_unsent_bytes);
  take(result.max_buffered_bytes, over.max_buffered_bytes);
  take(result.handshake_timeout, over.handshake_timeout);
  take(result.header_timeout, over.header_timeout);
  take(result.body_timeout, over.body_timeout);
  take(result.send_timeout, over.send_timeout);
  take(result.max_connection_age, over.max_connection_age);
  take(result.idle_timeout, over.idle_timeout);
  take(result.keepalive_time, over.keepalive_time);
  take(result.keepalive_timeout, over.keepalive_timeout);
  take(result.backup_dir, over.backup_dir);
  take(result.backup_keep_days, over.backup_keep_days);
  take(result.memory_max_bytes, over.memory_max_bytes);
  result.branching = OverlayBranching(over.branching, under.branching);
  return result;
}

namespace {

constexpr std::string_view kSystemDataDir = "/var/lib/prism";

// Where administrators look for backups, when the data is where they look for data.
std::string DefaultBackupDir(const std::string& data_dir) {
  return data_dir == kSystemDataDir ? "/var/backups/prism" : data_dir + "/backups";
}

}  // namespace

ServerSettings Decide(const ServerConfig& config, const namespaces::Snapshot& snapshot) {
  ServerSettings settings;
  settings.listen = config.listen.value_or("127.0.0.1:8980");
  settings.admin_listen = config.admin_listen.value_or("127.0.0.1:8981");
  settings.data_dir = config.data_dir ? *config.data_dir : DefaultDataDir();
  settings.backup_dir = config.backup_dir.value_or(DefaultBackupDir(settings.data_dir));
  settings.backup_keep_days = static_cast<int>(config.backup_keep_days.value_or(30));
  settings.user = config.user.value_or("");
  const std::uint64_t cores = std::max(std::thread::hardware_concurrency(), 1u);
  settings.shards = static_cast<int>(config.shards.value_or(cores));
  settings.drain_timeout = config.drain_timeout.value_or(settings.drain_timeout);
  settings.limits.drain_timeout = settings.drain_timeout.count() * kNanosPerMilli;
  settings.rebind_grace = config.rebind_grace.value_or(settings.rebind_grace);
  settings.queue_delay_target = config.queue_delay_target.value_or(settings.queue_delay_target);
  settings.slow_request_threshold =
      config.slow_request_threshold.value_or(settings.slow_request_threshold);
  settings.insecure = config.insecure.value_or(false);
  settings.authentication = config.authentication.value_or(false);
  settings.admins = config.admins.value_or(settings.admins);
  settings.cors.allowed_origins =
      config.cors_allowed_origins.value_or(settings.cors.allowed_origins);
  settings.cors.allow_credentials = config.cors_allow_credentials.value_or(false);
  if (config.cors_max_age) {
    settings.cors.max_age = std::chrono::floor<std::chrono::seconds>(*config.cors_max_age);
  }
  settings.log_level =
      telemetry::ParseLogLevel(config.log_level.value_or("")).value_or(telemetry::LogLevel::kInfo);
  settings.log_format = telemetry::ParseLogFormat(config.log_format.value_or(""))
                            .value_or(telemetry::DefaultLogFormat());
  settings.memory_max_bytes =
      config.memory_max_bytes.value_or(models::MemoryBudget::DefaultMaxBytes());

  settings.tls = DecideTls(config);
  settings.branching =
      DecideBranching(config.branching, settings.data_dir, settings.tls.has_value());

  rpc::ServerLimits& limits = settings.limits;
  const auto set = [](auto& into, const std::optional<std::uint64_t>& from) {
    if (from) into = static_cast<std::remove_reference_t<decltype(into)>>(*from);
  };
  set(limits.max_connections, config.max_connections);
  set(limits.max_concurrent_streams, config.max_concurrent_streams);
  set(limits.max_header_list_bytes, config.max_header_list_bytes);
  set(limits.max_unsent_bytes, config.max_unsent_bytes);
  set(limits.max_buffered_bytes, config.max_buffered_bytes);
  const auto set_time = [](MonoNanos& into, const auto& from) {
    if (from) into = from->count() * kNanosPerMilli;
  };
  set_time(limits.handshake_timeout, config.handshake_timeout);
  set_time(limits.header_timeout, config.header_timeout);
  set_time(limits.body_timeout, config.body_timeout);
  set_time(limits.send_timeout, config.send_timeout);
  set_time(limits.max_connection_age, config.max_connection_age);
  set_time(limits.idle_timeout, config.idle_timeout);
  set_time(limits.keepalive_time, config.keepalive_time);
  set_time(limits.keepalive_timeout, config.keepalive_timeout);
  for (const namespaces::NamespaceConfig& ns : snapshot.namespaces) {
    limits.max_message_bytes =
        std::max<std::uint64_t>(limits.max_message_bytes, ns.settings.max_value_bytes + 64 * 1024);
  }
  set(limits.max_message_bytes, config.max_message_bytes);
  return settings;
}

std::string DefaultDataDir() {
  if (geteuid() == 0 || std::getenv("INVOCATION_ID") != nullptr) return std::string(kSystemDataDir);
  if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data == '/') {
    return fmt::format("{}/prism", data);
  }
  const char* home = std::getenv("HOME");
  return fmt::format("{}/.local/share/prism", home != nullptr ? home : "");
}

bool IsLoopback(std::string_view address) {
  if (address.starts_with("unix:")) return true;
  const std::size_t colon = address.rfind(':');
  const std::string_view host = address.substr(0, colon == address.npos ? address.size() : colon);
  return host.starts_with("127.") || host == "localhost" || host == "[::1]" || host == "::1";
}

namespace {

Status CheckExposure(const std::string& address, bool may_be, std::string_view advice) {
  TRY(rpc::ListenSocket::CheckAddress(address));
  if (may_be || IsLoopback(address)) return {};
  return std::unexpected(
      Error(Code::kFailedPrecondition, "INSECURE_LISTENER",
            fmt::format("{} is reachable from other machines and {}, or allow it with --insecure "
                        "(server.insecure: true)",
                        address, advice)));
}

}  // namespace

Status CheckDataExposure(const std::string& address, const ServerSettings& settings) {
  return CheckExposure(address, MayBeExposed(settings),
                       "nobody is asked who they are: listen on 127.0.0.1, ask callers of the data "
                       "port (--authentication, or certificates with --tls-client-ca)");
}

Status CheckAdminExposure(const std::string& address, const ServerSettings& settings) {
  return CheckExposure(address,
                       settings.insecure || (settings.authentication && settings.tls.has_value()),
                       "the admin port changes everything: listen on 127.0.0.1, ask callers over "
                       "TLS (--authentication with --tls-certificate and --tls-key)");
}

bool MayBeExposed(const ServerSettings& settings) {
  return settings.insecure || settings.authentication ||
         (settings.tls && !settings.tls->client_ca.empty());
}

bool IsExposed(const ServerSettings& settings) {
  return !IsLoopback(settings.listen) || !IsLoopback(settings.admin_listen);
}

Status CheckExposure(const ServerSettings& settings) {
  TRY(CheckDataExposure(settings.listen, settings));
  return CheckAdminExposure(settings.admin_listen, settings);
}

}  // namespace prism::app

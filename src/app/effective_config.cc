#include "app/effective_config.h"

#include <nlohmann/json.hpp>

#include "base/units.h"
#include "namespaces/config_json.h"

namespace prism::app {

namespace {

using nlohmann::ordered_json;

std::string Time(MonoNanos time) {
  return base::FormatDuration(std::chrono::milliseconds(time / kNanosPerMilli));
}

ordered_json Cors(const rpc::CorsSettings& cors) {
  ordered_json origins = ordered_json::array();
  for (const auto& pattern : cors.allowed_origins) origins.push_back(pattern.text());
  return {{"allowed_origins", std::move(origins)},
          {"allow_credentials", cors.allow_credentials},
          {"max_age", base::FormatDuration(cors.max_age)}};
}

ordered_json Tls(const rpc::TlsOptions& tls) {
  ordered_json json = {{"certificate", tls.certificate}, {"key", tls.key}};
  if (!tls.client_ca.empty()) json["client_ca"] = tls.client_ca;
  json["min_version"] = tls.min_version == rpc::TlsVersion::k13 ? "1.3" : "1.2";
  return json;
}

ordered_json Server(const ServerSettings& settings) {
  return {{"listen", settings.listen},
          {"admin_listen", settings.admin_listen},
          {"data_dir", settings.data_dir},
          {"user", settings.user},
          {"shards", settings.shards},
          {"drain_timeout", base::FormatDuration(settings.drain_timeout)},
          {"rebind_grace", base::FormatDuration(settings.rebind_grace)},
          {"queue_delay_target", base::FormatDuration(settings.queue_delay_target)},
          {"slow_request_threshold", base::FormatDuration(settings.slow_request_threshold)},
          {"insecure", settings.insecure},
          {"cors", Cors(settings.cors)},
          {"log_level", telemetry::LogLevelName(settings.log_level)},
          {"log_format", settings.log_format == telemetry::LogFormat::kJson ? "json" : "text"},
          {"limits",
           {{"max_connections", settings.limits.max_connections},
            {"max_concurrent_streams", settings.limits.max_concurrent_streams},
            {"max_header_list_bytes", base::FormatSize(settings.limits.max_header_list_bytes)},
            {"max_message_bytes", base::FormatSize(settings.limits.max_message_bytes)},
            {"max_unsent_bytes", base::FormatSize(settings.limits.max_unsent_bytes)},
            {"max_buffered_bytes", base::FormatSize(settings.limits.max_buffered_bytes)},
            {"handshake_timeout", Time(settings.limits.handshake_timeout)},
            {"header_timeout", Time(settings.limits.header_timeout)},
            {"body_timeout", Time(settings.limits.body_timeout)},
            {"send_timeout", Time(settings.limits.send_timeout)},
            {"max_connection_age", Time(settings.limits.max_connection_age)},
            {"idle_timeout", Time(settings.limits.idle_timeout)},
            {"keepalive_time", Time(settings.limits.keepalive_time)},
            {"keepalive_timeout", Time(settings.limits.keepalive_timeout)}}}};
}

ordered_json Backend(const namespaces::BackendConfig& config) {
  ordered_json json = {{"type", config.type}};
  if (!config.connection.empty()) json["connection"] = config.connection;
  if (!config.username.empty()) json["username"] = config.username;
  if (!config.password.empty()) json["password"] = config.password;
  return json;
}

}  // namespace

std::string EffectiveConfig(const ServerSettings& settings, const namespaces::Snapshot& snapshot) {
  ordered_json json = {
      {"server", Server(settings)},
      {"security", {{"authentication", settings.authentication}, {"admins", settings.admins}}},
      {"memory", {{"max_bytes", base::FormatSize(settings.memory_max_bytes)}}},
      {"backup", {{"dir", settings.backup_dir}, {"keep_days", settings.backup_keep_days}}}};
  if (settings.tls) json["server"]["tls"] = Tls(*settings.tls);
  if (settings.branching) json["branching"] = BranchingToJson(*settings.branching);
  json["backends"] = ordered_json::object();
  for (const auto& backend : snapshot.backends) json["backends"][backend.name] = Backend(backend);
  json["namespaces"] = ordered_json::array();
  for (const auto& ns : snapshot.namespaces)
    json["namespaces"].push_back(ordered_json(namespaces::ToJson(ns)));
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace prism::app

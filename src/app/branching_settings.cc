#include "app/branching_settings.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string_view>

#include "app/settings.h"
#include "base/units.h"
#include "branching/pgwire/branch_naming.h"
#include "branching/proxy/networks.h"
#include "rpc/net/listen_socket.h"

namespace prism::app {

namespace {

using namespaces::BranchingConfig;

constexpr std::string_view kTlsAdvice =
    "demand TLS (branching.tls_required with server.tls; a password is checked, but what is read "
    "and written is not protected)";

// Like those of the server's own ports.
Status CheckListener(const std::string& address, bool may_be, bool insecure,
                     std::string_view advice) {
  TRY(rpc::ListenSocket::CheckAddress(address));
  if (may_be || insecure || IsLoopback(address)) return {};
  return std::unexpected(
      Error(Code::kFailedPrecondition, "INSECURE_LISTENER",
            fmt::format("{} is reachable from other machines: listen on 127.0.0.1, {}or allow it "
                        "with --insecure (server.insecure: true)",
                        address, advice.empty() ? "" : fmt::format("{}, ", advice))));
}

}  // namespace

BranchingConfig OverlayBranching(const BranchingConfig& over, const BranchingConfig& under) {
  BranchingConfig result = under;
  const auto take = [](auto& into, const auto& from) {
    if (from) into = from;
  };
  take(result.listen, over.listen);
  take(result.source, over.source);
  take(result.superuser, over.superuser);
  take(result.storage_path, over.storage_path);
  take(result.storage_size, over.storage_size);
  take(result.runtime, over.runtime);
  take(result.image, over.image);
  take(result.network, over.network);
  take(result.docker_socket, over.docker_socket);
  take(result.user, over.user);
  take(result.pg_bin_dirs, over.pg_bin_dirs);
  take(result.idle_timeout, over.idle_timeout);
  take(result.hold_timeout, over.hold_timeout);
  take(result.undo_period, over.undo_period);
  take(result.default_branch, over.default_branch);
  take(result.allow_source, over.allow_source);
  take(result.domain, over.domain);
  take(result.trusted_proxies, over.trusted_proxies);
  take(result.max_connections, over.max_connections);
  take(result.max_branches, over.max_branches);
  take(result.max_branches_per_owner, over.max_branches_per_owner);
  take(result.max_disk_per_owner, over.max_disk_per_owner);
  take(result.max_memory_per_owner, over.max_memory_per_owner);
  take(result.max_connections_per_owner, over.max_connections_per_owner);
  take(result.memory_limit, over.memory_limit);
  take(result.warm_pool, over.warm_pool);
  take(result.refresh_interval, over.refresh_interval);
  take(result.keep_generations, over.keep_generations);
  take(result.auto_create, over.auto_create);
  take(result.profile, over.profile);
  take(result.control_listen, over.control_listen);
  take(result.tls, over.tls);
  take(result.tls_required, over.tls_required);
  return result;
}

std::optional<BranchingSettings> DecideBranching(const BranchingConfig& config,
                                                 const std::string& data_dir, bool has_tls) {
  if (!config.source) return std::nullopt;
  BranchingSettings settings;
  settings.listen = config.listen.value_or("127.0.0.1:5432");
  settings.source = *config.source;
  settings.superuser = config.superuser.value_or("postgres");
  settings.storage_path = config.storage_path.value_or(data_dir + "/branches/store");
  settings.storage_size = config.storage_size.value_or(settings.storage_size);
  settings.user = config.user.value_or("");
  settings.pg_bin_dirs = config.pg_bin_dirs.value_or(settings.pg_bin_dirs);
  settings.docker = config.runtime == "docker";
  settings.image = config.image.value_or("postgres:15-alpine");
  settings.network = config.network.value_or("none");
  settings.docker_socket = config.docker_socket.value_or("/var/run/docker.sock");
  settings.idle_timeout = config.idle_timeout.value_or(settings.idle_timeout);
  settings.hold_timeout = config.hold_timeout.value_or(settings.hold_timeout);
  settings.undo_period = config.undo_period.value_or(settings.undo_period);
  settings.default_branch = config.default_branch.value_or("");
  settings.allow_source = config.allow_source.value_or(false);
  settings.domain = config.domain.value_or("");
  settings.trusted_proxies = config.trusted_proxies.value_or(settings.trusted_proxies);
  settings.max_connections =
      static_cast<int>(config.max_connections.value_or(settings.max_connections));
  settings.max_branches = static_cast<int>(config.max_branches.value_or(settings.max_branches));
  settings.max_branches_per_owner =
      static_cast<int>(config.max_branches_per_owner.value_or(settings.max_branches));
  settings.max_disk_per_owner = config.max_disk_per_owner.value_or(0);
  settings.max_memory_per_owner = config.max_memory_per_owner.value_or(0);
  settings.max_connections_per_owner =
      static_cast<int>(config.max_connections_per_owner.value_or(settings.max_connections));
  settings.memory_limit = config.memory_limit.value_or(settings.memory_limit);
  settings.warm_pool = config.warm_pool.value_or(settings.warm_pool);
  settings.refresh_interval = config.refresh_interval.value_or(settings.refresh_interval);
  settings.keep_generations =
      static_cast<int>(config.keep_generations.value_or(settings.keep_generations));
  settings.auto_create = config.auto_create.value_or(settings.auto_create);
  settings.durable = config.profile == "durable";
  settings.control_listen = config.control_listen.value_or("127.0.0.1:8080");
  settings.tls = config.tls.value_or(has_tls);
  settings.tls_required = config.tls_required.value_or(false);
  return settings;
}

namespace {

std::string Mistakes(const BranchingConfig& config, const ServerSettings& settings) {
  std::string wrong;
  const auto add = [&wrong](std::string_view what) {
    if (!wrong.empty()) wrong += "\n";
    wrong += what;
  };
  if (!settings.branching) {
    if (config != BranchingConfig()) {
      add("branching has no source: name a stopped data directory (branching.source, "
          "--branch-source), or another kind of source (branching.source)");
    }
    return wrong;
  }
  const BranchingSettings& branching = *settings.branching;
  if (branching.tls && !settings.tls) {
    add("branching.tls needs a certificate: server.tls.certificate and server.tls.key");
  }
  if (branching.tls_required && !branching.tls) {
    add("branching.tls_required needs branching.tls and the certificate of server.tls");
  }
  if (const auto proxies = branching::Networks::Parse(branching.trusted_proxies); !proxies) {
    add(fmt::format("branching.trusted_proxies: {}", proxies.error().message()));
  }
  if (branching.allow_source &&
      branching.source.kind != namespaces::BranchSourceConfig::Kind::kManaged) {
    add("branching.allow_source needs a source with a server: branching.source.managed");
  }
  if (branching.max_memory_per_owner > 0 &&
      branching.max_memory_per_owner < branching.memory_limit) {
    add("branching.max_memory_per_owner is less than one server may take "
        "(branching.memory_limit): no branch could run");
  }
  if (branching.docker && config.pg_bin_dirs) {
    add("branching.pg_bin_dirs is of the runtime 'process': containers have the server of their "
        "image (branching.image)");
  }
  if (branching.docker &&
      branching.source.kind != namespaces::BranchSourceConfig::Kind::kTemplate) {
    add("branching.runtime: docker needs a stopped data directory as the source: dumps are loaded, "
        "and servers run, by programs of this machine");
  }
  if (!branching.docker && (config.image || config.network || config.docker_socket)) {
    add("branching.image, branching.network and branching.docker_socket need branching.runtime: "
        "docker");
  }
  if (!branching.default_branch.empty()) {
    const auto name = branching::BranchName::From(branching.default_branch);
    if (!name) {
      add(fmt::format("branching.default: {}", name.error().message()));
    } else if (branching::IsReservedBranchName(name->name())) {
      add(fmt::format("branching.default: no branch is called {}: take another name",
                      name->name()));
    }
  }
  return wrong;
}

}  // namespace

Status CheckPostgresExposure(const std::string& address, const ServerSettings& settings) {
  return CheckListener(address, settings.branching->tls_required, settings.insecure, kTlsAdvice);
}

Status CheckBranching(const BranchingConfig& config, const ServerSettings& settings) {
  if (std::string wrong = Mistakes(config, settings); !wrong.empty()) {
    return std::unexpected(Error(Code::kInvalidArgument, "BRANCHING_OPTIONS", std::move(wrong)));
  }
  if (!settings.branching) return {};
  const BranchingSettings& branching = *settings.branching;
  TRY(CheckPostgresExposure(branching.listen, settings));
  if (branching.control_listen.empty()) return {};
  return CheckListener(branching.control_listen, false, settings.insecure, "");
}

namespace {

nlohmann::ordered_json SourceToJson(const namespaces::BranchSourceConfig& source) {
  using Kind = namespaces::BranchSourceConfig::Kind;
  if (source.kind == Kind::kTemplate) return source.path;
  if (source.kind == Kind::kManaged) return {{"managed", source.path}};
  nlohmann::ordered_json json = {{"dump", source.path}};
  if (!source.roles.empty()) json["roles"] = source.roles;
  if (!source.password.empty()) json["password"] = source.password;
  return json;
}

nlohmann::ordered_json RulesToJson(const std::vector<namespaces::AutoCreateRule>& rules) {
  auto json = nlohmann::ordered_json::array();
  for (const namespaces::AutoCreateRule& rule : rules) {
    if (rule.users.empty()) {
      json.push_back(rule.names.front());
    } else {
      json.push_back({{"users", rule.users}, {"names", rule.names}});
    }
  }
  return json;
}

}  // namespace

nlohmann::ordered_json BranchingToJson(const BranchingSettings& settings) {
  nlohmann::ordered_json json = {
      {"listen", settings.listen},
      {"source", SourceToJson(settings.source)},
      {"superuser", settings.superuser},
      {"storage",
       {{"path", settings.storage_path}, {"size", base::FormatSize(settings.storage_size)}}},
      {"runtime", settings.docker ? "docker" : "process"}};
  if (settings.docker) {
    json["image"] = settings.image;
    json["network"] = settings.network;
    json["docker_socket"] = settings.docker_socket;
  } else {
    json["pg_bin_dirs"] = settings.pg_bin_dirs;
  }
  if (!settings.user.empty()) json["user"] = settings.user;
  json["idle_timeout"] = base::FormatDuration(settings.idle_timeout);
  json["hold_timeout"] = base::FormatDuration(settings.hold_timeout);
  json["undo_period"] = base::FormatDuration(settings.undo_period);
  if (!settings.default_branch.empty()) json["default"] = settings.default_branch;
  if (settings.allow_source) json["allow_source"] = true;
  if (!settings.domain.empty()) json["domain"] = settings.domain;
  if (!settings.trusted_proxies.empty()) json["trusted_proxies"] = settings.trusted_proxies;
  json["max_connections"] = settings.max_connections;
  json["max_branches"] = settings.max_branches;
  json["max_branches_per_owner"] = settings.max_branches_per_owner;
  if (settings.max_disk_per_owner > 0) {
    json["max_disk_per_owner"] = base::FormatSize(settings.max_disk_per_owner);
  }
  if (settings.max_memory_per_owner > 0) {
    json["max_memory_per_owner"] = base::FormatSize(settings.max_memory_per_owner);
  }
  json["max_connections_per_owner"] = settings.max_connections_per_owner;
  json["memory_limit"] = base::FormatSize(settings.memory_limit);
  json["warm_pool"] = settings.warm_pool;
  json["refresh_interval"] = base::FormatDuration(settings.refresh_interval);
  json["keep_generations"] = settings.keep_generations;
  json["auto_create"] = RulesToJson(settings.auto_create);
  json["profile"] = settings.durable ? "durable" : "disposable";
  json["control_listen"] = settings.control_listen;
  json["tls"] = settings.tls;
  json["tls_required"] = settings.tls_required;
  return json;
}

}  // namespace prism::app

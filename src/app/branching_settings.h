// The options of PostgreSQL branches, decided and checked.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "namespaces/branching_config.h"

namespace prism::app {

struct ServerSettings;

struct BranchingSettings {
  std::string listen;
  namespaces::BranchSourceConfig source;
  std::string superuser;
  std::string storage_path;
  std::uint64_t storage_size = std::uint64_t{20} << 30;  // of the image, when one has to be made
  std::string user;  // of the servers when this process is root; empty: postgres, else nobody
  std::vector<std::string> pg_bin_dirs;  // empty: where servers usually are
  bool docker = false;                   // servers run in containers; else as processes
  std::string image;                     // of containers, as the two after it
  std::string network;
  std::string docker_socket;
  std::chrono::milliseconds idle_timeout{15 * 60'000};
  std::chrono::milliseconds hold_timeout{30'000};
  std::chrono::milliseconds undo_period{24 * 60 * 60'000};  // of deleted branches
  std::string default_branch;  // of connections that name none; empty: they are refused
  bool allow_source = false;   // clients may be in a managed source itself
  std::string domain;          // empty: names of hosts stand for nothing
  std::vector<std::string> trusted_proxies;  // networks of load balancers
  int max_connections = 1000;
  int max_branches = 500;
  int max_branches_per_owner = 500;
  std::uint64_t max_disk_per_owner = 0;    // bytes; 0: no limit
  std::uint64_t max_memory_per_owner = 0;  // bytes; 0: no limit
  int max_connections_per_owner = 1000;
  std::uint64_t memory_limit = std::uint64_t{1} << 30;  // bytes, of one server
  std::size_t warm_pool = 2;
  std::chrono::milliseconds refresh_interval{60'000};
  int keep_generations = 3;
  // Names that come to be by connecting.
  std::vector<namespaces::AutoCreateRule> auto_create = {{.users = {}, .names = {"*"}}};
  bool durable = false;
  std::string control_listen;  // empty: off
  bool tls = false;            // with the server's certificate
  bool tls_required = false;

  bool operator==(const BranchingSettings&) const = default;
};

// What is set in `over` wins.
namespaces::BranchingConfig OverlayBranching(const namespaces::BranchingConfig& over,
                                             const namespaces::BranchingConfig& under);

// Fills in the defaults; nothing without a source. `has_tls`: the server has a certificate.
std::optional<BranchingSettings> DecideBranching(const namespaces::BranchingConfig& config,
                                                 const std::string& data_dir, bool has_tls);

// What does not fit together, all of it: INVALID_ARGUMENT/BRANCHING_OPTIONS. Then the addresses:
// FAILED_PRECONDITION/INSECURE_LISTENER, INVALID_ARGUMENT/BAD_ADDRESS.
Status CheckBranching(const namespaces::BranchingConfig& config, const ServerSettings& settings);

// Of the address at which clients of PostgreSQL really connect; with settings.branching.
// FAILED_PRECONDITION/INSECURE_LISTENER, INVALID_ARGUMENT/BAD_ADDRESS.
Status CheckPostgresExposure(const std::string& address, const ServerSettings& settings);

// In the shape of prism.yaml.
nlohmann::ordered_json BranchingToJson(const BranchingSettings& settings);

}  // namespace prism::app

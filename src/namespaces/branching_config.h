// The section `branching` of prism.yaml.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace prism::namespaces {

// What branches are made of.
struct BranchSourceConfig {
  enum class Kind : std::uint8_t {
    kTemplate,  // a stopped data directory
    kDump,      // of pg_dump or pg_dumpall
    kManaged,   // a data directory whose server is run here, made when it is not there
  };
  Kind kind = Kind::kTemplate;
  std::string path;
  // Of a dump. A script of pg_dumpall; empty: none.
  std::string roles = {};
  // A reference to the superuser's password; empty: the dump brings one.
  std::string password = {};

  bool operator==(const BranchSourceConfig&) const = default;
};

// Who may make which branches by connecting; * stands for any text.
struct AutoCreateRule {
  std::vector<std::string> users;  // patterns of roles; empty: everybody
  std::vector<std::string> names;  // patterns of branches

  bool operator==(const AutoCreateRule&) const = default;
};

// What is not set here comes from a default. Without a source there is no branching.
struct BranchingConfig {
  std::optional<std::string> listen;
  std::optional<BranchSourceConfig> source;
  std::optional<std::string> superuser;
  std::optional<std::string> storage_path;
  std::optional<std::uint64_t> storage_size;
  std::optional<std::string> runtime;  // "process" or "docker"
  std::optional<std::string> image;    // of docker, as the two after it
  std::optional<std::string> network;
  std::optional<std::string> docker_socket;
  std::optional<std::string> user;
  std::optional<std::vector<std::string>> pg_bin_dirs;
  std::optional<std::chrono::milliseconds> idle_timeout;
  std::optional<std::chrono::milliseconds> hold_timeout;
  std::optional<std::chrono::milliseconds> undo_period;
  std::optional<std::string> default_branch;
  std::optional<bool> allow_source;
  std::optional<std::string> domain;
  std::optional<std::vector<std::string>> trusted_proxies;  // networks
  std::optional<std::uint64_t> max_connections;
  std::optional<std::uint64_t> max_branches;
  std::optional<std::uint64_t> max_branches_per_owner;
  std::optional<std::uint64_t> max_disk_per_owner;    // bytes
  std::optional<std::uint64_t> max_memory_per_owner;  // bytes
  std::optional<std::uint64_t> max_connections_per_owner;
  std::optional<std::uint64_t> memory_limit;
  std::optional<std::uint64_t> warm_pool;
  std::optional<std::chrono::milliseconds> refresh_interval;
  std::optional<std::uint64_t> keep_generations;
  std::optional<std::vector<AutoCreateRule>> auto_create;
  std::optional<std::string> profile;  // "disposable" or "durable"
  std::optional<std::string> control_listen;
  std::optional<bool> tls;
  std::optional<bool> tls_required;

  bool operator==(const BranchingConfig&) const = default;
};

}  // namespace prism::namespaces

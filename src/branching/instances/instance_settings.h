// The settings a branch's server runs with, whatever its configuration says.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prism::branching {

enum class InstanceProfile : std::uint8_t {
  kDisposable,  // fsync off: what a loss of power may cost is the branch
  kDurable,
};

// Limits of a server; 0 keeps nothing at its default: all have one.
struct InstanceSettings {
  InstanceProfile profile = InstanceProfile::kDisposable;
  std::uint32_t shared_buffers_mib = 16;  // start time and memory grow with it
  std::uint32_t max_connections = 100;
  // At least what pg_control says (ClusterControl), else a prepared transaction prevents the start.
  std::uint32_t max_prepared_transactions = 0;
  // In the titles of its processes (cluster_name). Not the branch's name, which may change while it
  // runs.
  std::string title = {};
};

// One line of the table in instance_settings.cc.
struct Override {
  std::string_view name;
  std::string_view value;
  std::string_view why;
  int since = 0;     // the first major that knows it
  int until = 9999;  // the last one
};

// What all servers get, and what the profile adds; for `doctor` and the documentation.
std::span<const Override> CommonOverrides();
std::span<const Override> ProfileOverrides(InstanceProfile profile);

// Where the server finds what is ours.
struct InstancePaths {
  std::string data_directory;
  std::string socket_directory;
  std::string hba_file;
  std::string ident_file;
  std::string config_file;         // empty: the one in the data directory
  bool own_shared_memory = false;  // /dev/shm goes with the server
};

// argv after the program's name. The order is stable.
std::vector<std::string> ServerArguments(const InstanceSettings& settings,
                                         const InstancePaths& paths, int major);

}  // namespace prism::branching

#include "branching/instances/instance_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace prism::branching {
namespace {

constexpr auto kCommon = std::to_array<Override>({
    // Nobody reaches it but through us.
    {"listen_addresses", "", "the private socket is the only way in; ports never clash"},
    {"port", "5432", "part of the socket's name"},
    {"unix_socket_permissions", "0700", "beside the directory's own mode"},
    {"unix_socket_group", "", "a group of the parent's machine"},
    {"ssl", "off", "the proxy ends TLS; keys of the parent are not the branch's"},
    {"bonjour", "off", "announces nothing"},
    {"external_pid_file", "external.pid", "would overwrite the parent's; in the data directory"},

    // It can't hurt what its parent is connected to.
    {"archive_mode", "off", "same system and timeline: it would overwrite the parent's archive"},
    {"archive_command", "", "as archive_mode"},
    {"archive_library", "", "as archive_mode", 15},
    {"archive_cleanup_command", "", "would remove files of the parent's archive"},
    {"restore_command", "", "reads the parent's archive"},
    {"recovery_end_command", "", "a command of the parent's machine"},
    {"primary_conninfo", "", "would follow the server that the parent follows"},
    {"primary_slot_name", "", "would take the parent's slot"},
    {"synchronous_standby_names", "", "every commit would wait for a standby that is not there"},
    {"max_logical_replication_workers", "0",
     "its subscriptions would take the place of the parent's at the publisher"},
    {"cron.launch_active_jobs", "off", "jobs run where they were made"},
    {"cron.use_background_workers", "off", "as cron.launch_active_jobs"},
    {"timescaledb.max_background_workers", "0", "as cron.launch_active_jobs"},
    {"pg_partman_bgw.interval", "2147483647", "as cron.launch_active_jobs: 68 years"},
    {"stats_temp_directory", "pg_stat_tmp", "an absolute one is the parent's", 0, 14},

    // What it says goes to our log, and there is little of it.
    {"logging_collector", "off", "standard error is our file"},
    {"log_destination", "stderr", "as logging_collector"},
    {"log_line_prefix", "%m [%p] ", "a form of its own"},
    {"log_statement", "none", "statements carry data and passwords"},
    {"log_min_error_statement", "panic", "as log_statement, in statements that fail"},
    {"log_error_verbosity", "terse", "as log_statement: details have values of rows"},
    {"log_parameter_max_length_on_error", "0", "as log_statement", 13},
    {"log_min_duration_statement", "-1", "as log_statement"},
    {"log_connections", "off", "the proxy knows them; the log is kept small"},
    {"log_disconnections", "off", "as log_connections"},

    // Starts fast, is small, sleeps when idle.
    {"huge_pages", "off", "clearing them takes seconds, and failing to get them is fatal"},
    {"shared_memory_type", "mmap", "goes with the process"},
    {"max_files_per_process", "100", "the start opens and closes that many; 1 ms for 1000"},
    {"max_pred_locks_per_transaction", "10", "1 ms of the start"},
    {"full_page_writes", "on", "a branch of a running branch may catch a page half written"},
    {"wal_recycle", "off", "on copy-on-write storage an old segment is no cheaper than a new one"},
    {"wal_init_zero", "off", "as wal_recycle"},
    {"min_wal_size", "32MB", "what every branch keeps"},
    {"max_wal_size", "256MB", "and what it may grow to"},
    {"checkpoint_timeout", "1h", "idle branches write nothing"},
    {"jit", "off", "loading LLVM costs more than it saves in a small server"},
    {"io_method", "sync", "no worker processes at the start", 18},
    {"restart_after_crash", "off", "its end is noticed here, and the next connection starts it"},

    // Replication out of a branch works as it does out of its parent.
    {"wal_level", "logical", "logical and physical replication connections both work"},
    {"max_wal_senders", "10", "as wal_level"},
    {"max_replication_slots", "10", "as wal_level; the parent's slots are removed"},
});

constexpr auto kDisposable = std::to_array<Override>({
    {"fsync", "off", "skips the synchronisation of all files at the start, and every wait after"},
    {"synchronous_commit", "on", "a write without fsync is cheap, and a commit survives a kill"},
    {"autovacuum", "off", "one process less; it still runs against wraparound"},
});

constexpr auto kDurable = std::to_array<Override>({
    {"fsync", "on", "the parent may have had it off"},
    {"recovery_init_sync_method", "syncfs", "one call instead of an open for each file", 14},
    {"autovacuum", "on", "it lives long enough to need it"},
    {"autovacuum_naptime", "10min", "idle branches hardly wake"},
});

void Add(std::vector<std::string>& arguments, std::string_view name, std::string_view value) {
  arguments.emplace_back("-c");
  arguments.push_back(fmt::format("{}={}", name, value));
}

}  // namespace

std::span<const Override> CommonOverrides() { return kCommon; }

std::span<const Override> ProfileOverrides(InstanceProfile profile) {
  if (profile == InstanceProfile::kDisposable) return kDisposable;
  return kDurable;
}

std::vector<std::string> ServerArguments(const InstanceSettings& settings,
                                         const InstancePaths& paths, int major) {
  std::vector<std::string> arguments{"-D", paths.data_directory};
  const auto add_known = [&arguments, major](std::span<const Override> overrides) {
    for (const Override& one : overrides) {
      if (major >= one.since && major <= one.until) Add(arguments, one.name, one.value);
    }
  };
  add_known(CommonOverrides());
  add_known(ProfileOverrides(settings.profile));

  // A configuration that names another directory would open the parent's files.
  Add(arguments, "data_directory", paths.data_directory);
  Add(arguments, "hba_file", paths.hba_file);
  Add(arguments, "ident_file", paths.ident_file);
  if (!paths.config_file.empty()) Add(arguments, "config_file", paths.config_file);
  Add(arguments, "unix_socket_directories", paths.socket_directory);

  // What a killed server leaves in /dev/shm nobody can name; files of its own go with its volume.
  Add(arguments, "dynamic_shared_memory_type", paths.own_shared_memory ? "posix" : "mmap");

  Add(arguments, "shared_buffers", fmt::format("{}MB", settings.shared_buffers_mib));
  Add(arguments, "max_connections", fmt::format("{}", settings.max_connections));
  Add(arguments, "max_prepared_transactions",
      fmt::format("{}", settings.max_prepared_transactions));
  Add(arguments, "cluster_name", settings.title);
  return arguments;
}

}  // namespace prism::branching

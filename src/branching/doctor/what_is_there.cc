#include "branching/doctor/what_is_there.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "base/os_error.h"
#include "branching/instances/run_directory.h"

namespace prism::branching {
namespace {

namespace fs = std::filesystem;

Error Unreadable(const std::string& path, std::error_code failed) {
  return base::OsError(failed.value(), "RUN_DIRECTORY_UNREADABLE", fmt::format("reading {}", path));
}

}  // namespace

Result<ServersThere> FindServers(const std::string& run_directory) {
  ServersThere servers;
  std::error_code failed;
  if (!fs::exists(run_directory, failed) && !failed) return servers;
  fs::directory_iterator entry(run_directory, failed);
  for (; !failed && entry != fs::directory_iterator(); entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    TRY_ASSIGN(servers[name], RunDirectory(entry->path().string()).Holder());
  }
  if (failed) return std::unexpected(Unreadable(run_directory, failed));
  return servers;
}

Result<WhatIsThere> LookAround(const std::string& store, const std::string& run_directory) {
  WhatIsThere there;
  TRY_ASSIGN(there.store, Storage::ContentsOf(store));
  TRY_ASSIGN(there.servers, FindServers(run_directory));
  return there;
}

}  // namespace prism::branching

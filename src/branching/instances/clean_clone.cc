#include "branching/instances/clean_clone.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "base/os_error.h"
#include "base/unique_fd.h"
#include "branching/instances/data_directory.h"

namespace prism::branching {
namespace {

constexpr auto kFiles = std::to_array<const char*>(
    {"postmaster.pid", "postmaster.opts", "current_logfiles", "standby.signal", "recovery.signal"});
constexpr auto kDirectories =
    std::to_array<const char*>({"pg_replslot", "pg_stat_tmp", "pg_dynshmem", "pg_notify", "log",
                                "pg_logical/snapshots", "pg_logical/mappings"});
// Directories in directories, as deep as PostgreSQL makes them: a slot's files.
constexpr int kMaxDepth = 8;

std::unexpected<Error> CleanError(std::string_view what) {
  return std::unexpected(base::OsError(errno, "CLEAN_CLONE", what));
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Listing = std::unique_ptr<DIR, CloseDirectory>;

// One step of a path. None when it is not there or a link.
Result<base::UniqueFd> EnterDirectory(int parent, const char* name) {
  base::UniqueFd fd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && errno != ENOENT && errno != ENOTDIR)
    return CleanError(fmt::format("entering {}", name));
  return fd;
}

Status RemoveContents(base::UniqueFd fd, bool sockets_only, int depth);

Status Remove(int parent, const char* name, int depth) {
  if (::unlinkat(parent, name, 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM) return CleanError(fmt::format("removing {}", name));
  if (depth >= kMaxDepth) {
    errno = ELOOP;
    return CleanError(fmt::format("removing {}", name));
  }
  TRY_ASSIGN(base::UniqueFd fd, EnterDirectory(parent, name));
  TRY(RemoveContents(std::move(fd), false, depth + 1));
  if (::unlinkat(parent, name, AT_REMOVEDIR) != 0)
    return CleanError(fmt::format("removing {}", name));
  return {};
}

Status RemoveContents(base::UniqueFd fd, bool sockets_only, int depth) {
  if (!fd) return {};
  const Listing listing(::fdopendir(fd.get()));
  if (!listing) return CleanError("listing a directory");
  const int directory = fd.release();  // closed with the listing
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string_view name(entry->d_name);
    if (name == "." || name == "..") continue;
    if (sockets_only && !name.starts_with(".s.PGSQL.")) continue;
    TRY(Remove(directory, entry->d_name, depth));
  }
  return {};
}

// "a/b" from `root`, where neither may be a link.
Result<base::UniqueFd> EnterPath(int root, const char* path) {
  const std::string_view text(path);
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return EnterDirectory(root, path);
  TRY_ASSIGN(const base::UniqueFd first,
             EnterDirectory(root, std::string(text.substr(0, slash)).c_str()));
  if (!first) return base::UniqueFd();
  return EnterDirectory(first.get(), path + slash + 1);
}

// Replaces the link in one step, so that a clone never has none.
Status Relink(int root, const ClusterLink& link, const std::string& target) {
  const std::string fresh = link.path + ".new";
  if (::unlinkat(root, fresh.c_str(), 0) != 0 && errno != ENOENT) return CleanError(fresh);
  if (::symlinkat(target.c_str(), root, fresh.c_str()) != 0 ||
      ::renameat(root, fresh.c_str(), root, link.path.c_str()) != 0) {
    return CleanError(fmt::format("pointing {} at {}", link.path, target));
  }
  return {};
}

}  // namespace

Status CleanClone(const std::string& data_directory, std::string_view volume,
                  std::string_view parent_volume) {
  TRY_ASSIGN(DataDirectory directory, ReadDataDirectory(data_directory));
  std::vector<std::pair<ClusterLink, std::string>> relinks;
  for (ClusterLink& link : directory.links) {
    if (IsBelow(link.target, volume) || !IsBelow(link.target, parent_volume)) continue;
    std::string target = std::string(volume) + link.target.substr(parent_volume.size());
    relinks.emplace_back(link, target);
    link.target = std::move(target);
  }
  TRY(CheckLinks(directory, volume));

  const base::UniqueFd root(
      ::open(data_directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!root) return CleanError("opening " + data_directory);
  for (const auto& [link, target] : relinks) TRY(Relink(root.get(), link, target));
  for (const char* file : kFiles) TRY(Remove(root.get(), file, 0));
  for (const char* path : kDirectories) {
    TRY_ASSIGN(base::UniqueFd fd, EnterPath(root.get(), path));
    TRY(RemoveContents(std::move(fd), false, 0));
  }
  TRY_ASSIGN(base::UniqueFd all, EnterDirectory(root.get(), "."));
  return RemoveContents(std::move(all), true, 0);
}

}  // namespace prism::branching

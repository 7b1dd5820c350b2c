#include "branching/storage/mount_point.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <optional>

#include "base/unique_fd.h"
#include "branching/storage/store_error.h"
#include "branching/storage/tree.h"

namespace prism::branching::internal {

Error MountBusy(const std::string& directory) {
  return Error(Code::kFailedPrecondition, "STORE_BUSY",
               fmt::format("{} is in use: stop the server that runs in it, and what else has it "
                           "open.",
                           directory));
}

namespace {

// A directory by the one that has it: of a volume whose user may have put a link anywhere.
struct Place {
  base::UniqueFd parent;
  std::string name;
};

// Nothing when there is no such parent.
Result<std::optional<Place>> FindPlace(const std::string& directory) {
  const std::filesystem::path path(directory);
  Place place{.parent = OpenWithoutLinks(path.parent_path().string(), O_PATH | O_DIRECTORY),
              .name = path.filename().string()};
  if (place.parent) return place;
  if (errno == ENOENT) return std::nullopt;
  return std::unexpected(StoreError(errno, fmt::format("look at {}", directory)));
}

Result<bool> IsMounted(const Place& place, const std::string& directory) {
  struct statx status = {};
  if (::statx(place.parent.get(), place.name.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0,
              &status) != 0) {
    if (errno == ENOENT) return false;
    return std::unexpected(StoreError(errno, fmt::format("look at {}", directory)));
  }
  return (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

}  // namespace

Result<bool> IsMountPoint(const std::string& directory) {
  TRY_ASSIGN(const std::optional<Place> place, FindPlace(directory));
  return place ? IsMounted(*place, directory) : false;
}

Status Unmount(const std::string& directory, UnmountMode mode) {
  const int flags = UMOUNT_NOFOLLOW | (mode == UnmountMode::kWhoUsesItKeepsIt ? MNT_DETACH : 0);
  TRY_ASSIGN(const std::optional<Place> place, FindPlace(directory));
  if (!place) return {};
  const std::string path = fmt::format("/proc/self/fd/{}/{}", place->parent.get(), place->name);
  for (;;) {
    TRY_ASSIGN(const bool mounted, IsMounted(*place, directory));
    if (!mounted) return {};
    if (::umount2(path.c_str(), flags) == 0) continue;
    if (errno == EBUSY) return std::unexpected(MountBusy(directory));
    return std::unexpected(StoreError(errno, fmt::format("unmount {}", directory)));
  }
}

}  // namespace prism::branching::internal

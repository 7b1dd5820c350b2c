#include "branching/storage/subvolume.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/unique_fd.h"
#include "branching/storage/store_error.h"

namespace prism::branching::internal {
namespace {

base::UniqueFd Open(const std::string& path) {
  return base::UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

struct Place {
  base::UniqueFd parent;  // the ioctls name a directory and an entry of it
  std::string name;
};

Place Split(const std::string& path) {
  const std::filesystem::path whole(path);
  return {Open(whole.parent_path().string()), whole.filename().string()};
}

// False when the name is too long for the field.
template <std::size_t kSize>
bool SetName(char (&field)[kSize], const std::string& name) {
  if (name.size() >= kSize) return false;
  std::memcpy(field, name.c_str(), name.size() + 1);
  return true;
}

// Of ioctls that take btrfs_ioctl_vol_args.
int Apply(unsigned long request, const std::string& path) {
  const Place place = Split(path);
  btrfs_ioctl_vol_args arguments = {};
  if (!place.parent) return errno;
  if (!SetName(arguments.name, place.name)) return ENAMETOOLONG;
  return ::ioctl(place.parent.get(), request, &arguments) == 0 ? 0 : errno;
}

int SetReadOnly(const std::string& path, bool read_only) {
  const base::UniqueFd fd = Open(path);
  __u64 flags = 0;
  if (!fd || ::ioctl(fd.get(), BTRFS_IOC_SUBVOL_GETFLAGS, &flags) != 0) return errno;
  const __u64 wanted =
      read_only ? flags | BTRFS_SUBVOL_RDONLY : flags & ~static_cast<__u64>(BTRFS_SUBVOL_RDONLY);
  if (wanted == flags) return 0;
  return ::ioctl(fd.get(), BTRFS_IOC_SUBVOL_SETFLAGS, &wanted) == 0 ? 0 : errno;
}

}  // namespace

int MakeSubvolume(const std::string& path) { return Apply(BTRFS_IOC_SUBVOL_CREATE, path); }

int SnapshotSubvolume(const std::string& from, const std::string& to) {
  const base::UniqueFd source = Open(from);
  if (!source) return errno;
  const Place place = Split(to);
  if (!place.parent) return errno;
  btrfs_ioctl_vol_args_v2 arguments = {};
  arguments.fd = source.get();
  if (!SetName(arguments.name, place.name)) return ENAMETOOLONG;
  return ::ioctl(place.parent.get(), BTRFS_IOC_SNAP_CREATE_V2, &arguments) == 0 ? 0 : errno;
}

int MakeSubvolumeReadOnly(const std::string& path) { return SetReadOnly(path, true); }

int RemoveSubvolume(const std::string& path) {
  // A user may not remove a read-only one.
  if (const int failed = SetReadOnly(path, false)) return failed;
  return Apply(BTRFS_IOC_SNAP_DESTROY, path);
}

int FillDevice(const std::string& mount_point) {
  const base::UniqueFd fd = Open(mount_point);
  btrfs_ioctl_vol_args arguments = {};
  if (!fd || !SetName(arguments.name, "max")) return errno;
  return ::ioctl(fd.get(), BTRFS_IOC_RESIZE, &arguments) == 0 ? 0 : errno;
}

bool IsSubvolume(const std::string& path) {
  const base::UniqueFd fd = Open(path);
  struct statfs system = {};
  struct stat status = {};
  return fd && ::fstatfs(fd.get(), &system) == 0 && ::fstat(fd.get(), &status) == 0 &&
         static_cast<unsigned long>(system.f_type) == BTRFS_SUPER_MAGIC &&
         status.st_ino == BTRFS_FIRST_FREE_OBJECTID;
}

Status CheckNoneInside(const std::string& path) {
  const base::UniqueFd fd = Open(path);
  btrfs_ioctl_get_subvol_rootref_args inside = {};
  // EOVERFLOW: more of them than the buffer holds.
  if (!fd ||
      (::ioctl(fd.get(), BTRFS_IOC_GET_SUBVOL_ROOTREF, &inside) != 0 && errno != EOVERFLOW)) {
    return std::unexpected(StoreError(errno, fmt::format("look for subvolumes in {}", path)));
  }
  if (inside.num_items == 0) return {};
  return std::unexpected(
      Error(Code::kFailedPrecondition, "STORE_NESTED_SUBVOLUME",
            fmt::format("{} has a subvolume inside, which would be an empty directory in each "
                        "branch. Make it a plain directory.",
                        path)));
}

}  // namespace prism::branching::internal

#include "branching/storage/btrfs_image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <mntent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/unique_fd.h"
#include "base/units.h"
#include "branching/storage/loop_device.h"
#include "branching/storage/make_btrfs.h"
#include "branching/storage/store_error.h"
#include "branching/storage/subvolume.h"

namespace prism::branching {
namespace {

namespace fs = std::filesystem;
using internal::StoreError;

std::unexpected<Error> Refused(std::string_view reason, std::string message) {
  return std::unexpected(Error(Code::kFailedPrecondition, reason, std::move(message)));
}

std::unexpected<Error> Failed(int number, const std::string& action) {
  return std::unexpected(StoreError(number, action));
}

std::unexpected<Error> Taken(const BtrfsImage& image, std::string_view by) {
  return Refused(
      "STORE_MOUNT_POINT_TAKEN",
      fmt::format("{} has {}; name an empty directory as the store's.", image.mount_point, by));
}

Status NeedRoot(const BtrfsImage& image) {
  if (::geteuid() == 0) return {};
  return std::unexpected(Error(
      Code::kPermissionDenied, "STORE_NEEDS_ROOT",
      fmt::format("Making the store {} and mounting it on {} needs root, once after each start of "
                  "the machine: sudo prism branch init --path {} --user {}",
                  image.file, image.mount_point, image.mount_point, image.owner.uid)));
}

// What was mounted last on a path: a device.
Result<std::optional<std::string>> MountedOn(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> table(::setmntent("/proc/self/mounts", "re"),
                                                    ::endmntent);
  if (!table) return Failed(errno, "read /proc/self/mounts");
  std::optional<std::string> source;
  std::array<char, 16384> buffer = {};
  mntent entry = {};
  while (::getmntent_r(table.get(), &entry, buffer.data(), int{buffer.size()}) != nullptr) {
    if (entry.mnt_dir == path) source = entry.mnt_fsname;
  }
  return source;
}

// One at a time for each directory of images.
Result<base::UniqueFd> Lock(const std::string& directory) {
  base::UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return Failed(errno, fmt::format("open {}", directory));
  // A killed process may have it for a moment yet, in the child that it was about to start.
  constexpr int kTries = 2000;  // of a millisecond
  for (int i = 0; i < kTries; ++i) {
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
    if (errno != EWOULDBLOCK) return Failed(errno, fmt::format("lock {}", directory));
    ::poll(nullptr, 0, 1);
  }
  return Refused("STORE_LOCKED",
                 fmt::format("Another process makes a store in {}. Wait for it.", directory));
}

// `taken`: what an image that is there has of the disk already.
Status CheckSize(const BtrfsImage& image, const std::string& directory, std::uint64_t taken = 0) {
  std::error_code failed;
  const std::uint64_t free = fs::space(directory, failed).available + taken;
  if (failed) return Failed(failed.value(), fmt::format("look at {}", directory));
  // A sparse file could be larger, and its file system would break when the disk is full.
  if (image.bytes >= BtrfsImage::kMinimumBytes && image.bytes <= free) return {};
  return Refused(
      "STORE_IMAGE_SIZE",
      fmt::format("A store of {} is asked for; it has to be {} at least, and {} at most, "
                  "which is free in {}.",
                  base::HumanSize(image.bytes), base::HumanSize(BtrfsImage::kMinimumBytes),
                  base::HumanSize(free), directory));
}

// What killed processes left of images that they made.
Status RemoveTemporaryImages(const std::string& prefix) {
  std::error_code failed;
  fs::directory_iterator entry(fs::path(prefix).parent_path(), failed);
  for (; !failed && entry != fs::directory_iterator(); entry.increment(failed)) {
    if (entry->path().string().starts_with(prefix)) fs::remove(entry->path(), failed);
    if (failed) break;
  }
  if (failed) return Failed(failed.value(), fmt::format("remove {}*", prefix));
  return {};
}

// Under another name first: a file with the name of the image is a whole one. Another one each
// time: the mkfs.btrfs of a killed process may go on.
Status MakeImage(const BtrfsImage& image, const base::UniqueFd& directory) {
  const std::string path = fs::absolute(image.file).string();
  TRY(CheckSize(image, fs::path(path).parent_path().string()));
  const std::string prefix = path + ".prism-tmp-";
  TRY(RemoveTemporaryImages(prefix));
  std::string temporary = prefix + "XXXXXX";
  const base::UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(image.bytes)) != 0) {
    return Failed(errno, fmt::format("make {}", temporary));
  }
  if (Status made = internal::MakeBtrfs(temporary); !made) {
    ::unlink(temporary.c_str());
    return made;
  }
  if (::fsync(fd.get()) != 0 || ::rename(temporary.c_str(), image.file.c_str()) != 0 ||
      ::fsync(directory.get()) != 0) {
    return Failed(errno, fmt::format("make {}", image.file));
  }
  return {};
}

Status CheckIsBtrfs(const std::string& file) {
  const base::UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  constexpr off_t kOffset = 0x10040;  // of the magic number in the superblock at 64 KiB
  std::array<char, 8> magic = {};
  if (!fd || ::pread(fd.get(), magic.data(), magic.size(), kOffset) < 0) {
    return Failed(errno, fmt::format("read {}", file));
  }
  if (std::string_view(magic.data(), magic.size()) == "_BHRfS_M") return {};
  return Refused(
      "STORE_IMAGE_FOREIGN",
      fmt::format("{} is a file without btrfs. Move it away or name another one.", file));
}

Status PrepareMountPoint(const BtrfsImage& image) {
  std::error_code failed;
  fs::create_directories(image.mount_point, failed);
  if (!failed && !fs::is_empty(image.mount_point, failed) && !failed) {
    return Taken(image, "files of others");
  }
  if (failed) return Failed(failed.value(), fmt::format("make {}", image.mount_point));
  return {};
}

Status Mount(const BtrfsImage& image) {
  TRY_ASSIGN(const internal::LoopDevice device, internal::FindOrAttachLoop(image.file));
  if (::mount(device.path.c_str(), image.mount_point.c_str(), "btrfs",
              MS_NOATIME | MS_NOSUID | MS_NODEV, "user_subvol_rm_allowed") != 0) {
    return Failed(errno, fmt::format("mount {} on {}", image.file, image.mount_point));
  }
  return {};
}

// As large as its file, each of them.
Status GrowDeviceAndFileSystem(const BtrfsImage& image) {
  TRY_ASSIGN(const internal::LoopDevice device, internal::FindOrAttachLoop(image.file));
  if (const int failed = internal::TakeFileSize(device)) {
    return Failed(failed, fmt::format("make {} larger", device.path));
  }
  if (const int failed = internal::FillDevice(image.mount_point)) {
    return Failed(failed, fmt::format("make the file system on {} larger", image.mount_point));
  }
  return {};
}

Status GiveToOwner(const BtrfsImage& image) {
  struct stat status = {};
  if (::stat(image.mount_point.c_str(), &status) != 0) {
    return Failed(errno, fmt::format("look at {}", image.mount_point));
  }
  if (status.st_uid == image.owner.uid && (status.st_mode & 0077) == 0) return {};
  TRY(NeedRoot(image));
  if (::chown(image.mount_point.c_str(), image.owner.uid, image.owner.gid) != 0 ||
      ::chmod(image.mount_point.c_str(), 0700) != 0) {
    return Failed(errno, fmt::format("change the owner of {}", image.mount_point));
  }
  return {};
}

}  // namespace

Result<bool> IsBtrfsImageMounted(const BtrfsImage& image) {
  std::error_code failed;
  const std::string path = fs::weakly_canonical(image.mount_point, failed).string();
  if (failed) return Failed(failed.value(), fmt::format("look at {}", image.mount_point));
  TRY_ASSIGN(const std::optional<std::string> device, MountedOn(path));
  if (!device) return false;
  struct stat status = {};
  if (::stat(image.file.c_str(), &status) == 0) {
    TRY_ASSIGN(const std::optional<std::string> ours, internal::FindLoop(status));
    if (ours == device) return true;
  }
  return Taken(image, fmt::format("another file system ({}) mounted", *device));
}

Status MountBtrfsImage(const BtrfsImage& image) {
  TRY_ASSIGN(const bool mounted, IsBtrfsImageMounted(image));
  if (mounted) return GiveToOwner(image);
  TRY(NeedRoot(image));
  std::error_code failed;
  const std::string directory = fs::absolute(image.file, failed).parent_path().string();
  fs::create_directories(directory, failed);
  if (failed) return Failed(failed.value(), fmt::format("make {}", directory));
  TRY_ASSIGN(const base::UniqueFd lock, Lock(directory));
  if (!fs::exists(image.file, failed)) TRY(MakeImage(image, lock));
  TRY(CheckIsBtrfs(image.file));
  // Again, now that nobody else is at it.
  TRY_ASSIGN(const bool meanwhile, IsBtrfsImageMounted(image));
  if (!meanwhile) {
    TRY(PrepareMountPoint(image));
    TRY(Mount(image));
  }
  return GiveToOwner(image);
}

Status GrowBtrfsImage(const BtrfsImage& image) {
  struct stat status = {};
  if (::stat(image.file.c_str(), &status) != 0) {
    return Failed(errno, fmt::format("look at {}", image.file));
  }
  const auto now = static_cast<std::uint64_t>(status.st_size);
  if (now > image.bytes) return {};
  if (::geteuid() != 0) {
    if (now == image.bytes) return {};
    return std::unexpected(
        Error(Code::kPermissionDenied, "STORE_NEEDS_ROOT",
              fmt::format("Making the store {} larger needs root: sudo prism branch init --path {} "
                          "--size {} --user {}",
                          image.file, image.mount_point, base::FormatSize(image.bytes),
                          image.owner.uid)));
  }
  const std::string directory = fs::path(image.file).parent_path().string();
  TRY_ASSIGN(const base::UniqueFd lock, Lock(directory));
  if (now < image.bytes) {
    constexpr std::uint64_t kBlock = 512;  // stat(2): st_blocks
    TRY(CheckSize(image, directory, static_cast<std::uint64_t>(status.st_blocks) * kBlock));
    const base::UniqueFd file(::open(image.file.c_str(), O_RDWR | O_CLOEXEC));
    if (!file || ::ftruncate(file.get(), static_cast<off_t>(image.bytes)) != 0 ||
        ::fsync(file.get()) != 0) {
      return Failed(errno, fmt::format("make {} larger", image.file));
    }
  }
  return GrowDeviceAndFileSystem(image);
}

Status UnmountBtrfsImage(const BtrfsImage& image) {
  TRY_ASSIGN(const bool mounted, IsBtrfsImageMounted(image));
  if (!mounted) return {};
  TRY(NeedRoot(image));
  if (::umount2(image.mount_point.c_str(), UMOUNT_NOFOLLOW) == 0) return {};
  if (errno != EBUSY) return Failed(errno, fmt::format("unmount {}", image.mount_point));
  return Refused("STORE_BUSY", fmt::format("{} is in use: stop the branches that run in it, and "
                                           "what else has it open.",
                                           image.mount_point));
}

}  // namespace prism::branching

#include "branching/storage/overlay_driver.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "branching/storage/layers.h"
#include "branching/storage/mount_point.h"
#include "branching/storage/overlay_mount.h"
#include "branching/storage/store_error.h"
#include "branching/storage/tree.h"

namespace prism::branching {
namespace {

using internal::Layers;
using internal::StoreError;
using internal::UnmountMode;

// Each one is asked for each name that is not there. Clones of more are copies.
constexpr std::size_t kMaxLayers = 8;

std::string DataOf(const std::string& volume) { return volume + "/data"; }
// There: nobody writes to the volume's own layer any more.
std::string FrozenMarkOf(const std::string& volume) { return volume + "/frozen"; }

bool IsFrozen(const std::string& volume) {
  struct stat status = {};
  return ::lstat(FrozenMarkOf(volume).c_str(), &status) == 0;
}

// What the kernel needs to know of a mount of the volume.
Result<internal::OverlayParts> PartsOf(const std::string& volume) {
  TRY_ASSIGN(const Layers layers, internal::ReadLayers(volume));
  internal::OverlayParts parts{.name = volume, .lower = {}, .upper = {}, .work = {}};
  TRY_ASSIGN(base::UniqueFd own, internal::OpenLayer(volume, layers.own, "files"));
  if (IsFrozen(volume)) {
    parts.lower.push_back(std::move(own));
  } else {
    parts.upper = std::move(own);
    TRY_ASSIGN(parts.work, internal::OpenLayer(volume, layers.own, "work"));
  }
  for (const std::string& layer : layers.below) {
    TRY_ASSIGN(base::UniqueFd fd, internal::OpenLayer(volume, layer, "files"));
    parts.lower.push_back(std::move(fd));
  }
  // Overlayfs wants one lower layer, and two if there is no upper one.
  TRY_ASSIGN(base::UniqueFd empty, internal::OpenLayer(volume, layers.own, "empty"));
  parts.lower.push_back(std::move(empty));
  return parts;
}

Status MountLayers(const std::string& volume) {
  TRY_ASSIGN(const bool mounted, internal::IsMountPoint(DataOf(volume)));
  if (mounted) return {};
  TRY_ASSIGN(const internal::OverlayParts parts, PartsOf(volume));
  TRY_ASSIGN(const base::UniqueFd mount, internal::MakeOverlay(parts));
  return internal::AttachMount(mount, DataOf(volume));
}

// Nobody can write to the volume any more: whoever could would spoil those above it. A server that
// has just ended, or one that has just been started in namespaces of its own, may have a mount for
// some milliseconds, and there is no event for it.
Status TakeFromWriters(const std::string& volume) {
  TRY(internal::Unmount(DataOf(volume), UnmountMode::kRefuseIfUsed));
  constexpr int kTries = 2000;  // of a millisecond
  for (int i = 0;; ++i) {
    TRY_ASSIGN(const internal::OverlayParts parts, PartsOf(volume));
    const Result<base::UniqueFd> only = internal::MakeOverlay(parts);
    if (only) return {};
    if (only.error().reason() != "STORE_BUSY" || i == kTries) {
      return std::unexpected(only.error());
    }
    ::poll(nullptr, 0, 1);
  }
}

// The root of a volume is that of its uppermost layer.
Status MakeRootLike(const std::string& model, const std::string& path) {
  struct stat status = {};
  if (::lstat(model.c_str(), &status) != 0) {
    return std::unexpected(StoreError(errno, fmt::format("look at {}", model)));
  }
  TRY(internal::MakeDirectory(path));
  const std::array<timespec, 2> times = {status.st_atim, status.st_mtim};
  TRY_ASSIGN(const base::UniqueFd fd, internal::OpenDirectory(path));
  if (::fchown(fd.get(), status.st_uid, status.st_gid) != 0 ||
      ::fchmod(fd.get(), status.st_mode & 07777) != 0 || ::futimens(fd.get(), times.data()) != 0) {
    return std::unexpected(StoreError(errno, fmt::format("set the attributes of {}", path)));
  }
  return {};
}

Status PutOnTop(const std::string& from, Layers below, const std::string& to) {
  std::vector<std::string> lower = {below.own};
  lower.insert(lower.end(), below.below.begin(), below.below.end());
  TRY_ASSIGN(const Layers layers, internal::MakeLayeredVolume(to, std::move(lower)));
  return MakeRootLike(internal::LayerPath(from, below.own, "files"),
                      internal::LayerPath(to, layers.own, "files"));
}

Status CopyAll(const std::string& from, const std::string& to, const TransferWatch& watch) {
  TRY_ASSIGN(const Layers layers, internal::MakeLayeredVolume(to, {}));
  const std::string files = internal::LayerPath(to, layers.own, "files");
  TRY(internal::MakeDirectory(files));
  TRY_ASSIGN(const internal::Tree tree, internal::ReadTree(DataOf(from)));
  return internal::CopyTree(tree, files,
                            {.method = internal::FileMethod::kCloneOrCopy, .watch = watch});
}

}  // namespace

const StorageTraits& OverlayDriver::traits() const {
  static constexpr StorageTraits kTraits = {
      .name = "overlay",
      .layout = "layers",
      .atomic_over_running_source = false,
      .quick_over_still_source = false,
      .shares_blocks = true,
      .shares_whole_files = true,
      .enforces_frozen = true,
      .cost =
          "each branch takes a few milliseconds at any size, and time and disk space for each "
          "whole file (of up to 1 GiB) that is opened in it for the first time",
  };
  return kTraits;
}

Status OverlayDriver::Import(const std::string& from, const std::string& to,
                             const VolumeOwner& owner, const TransferWatch& watch) {
  TRY_ASSIGN(const Layers layers, internal::MakeLayeredVolume(to, {}));
  TRY(internal::ImportTree(from, internal::LayerPath(to, layers.own, "files"),
                           internal::FileMethod::kCloneOrCopy, owner, watch));
  return MountLayers(to);
}

std::string OverlayDriver::FilesOf(const std::string& volume) const { return DataOf(volume); }

Status OverlayDriver::Mount(const std::string& volume) {
  // Against others that mount or freeze the same volume.
  TRY_ASSIGN(const base::UniqueFd lock, internal::LockDirectory(volume));
  return MountLayers(volume);
}

Status OverlayDriver::Clone(const std::string& from, const std::string& to,
                            const TransferWatch& watch) {
  TRY_ASSIGN(Layers layers, internal::ReadLayers(from));
  if (IsFrozen(from) && layers.below.size() + 1 < kMaxLayers) {
    TRY(PutOnTop(from, std::move(layers), to));
  } else {
    TRY(Mount(from));
    TRY(CopyAll(from, to, watch));
  }
  return MountLayers(to);
}

Status OverlayDriver::Freeze(const std::string& volume) {
  TRY_ASSIGN(const base::UniqueFd lock, internal::LockDirectory(volume));
  if (!IsFrozen(volume)) {
    TRY(TakeFromWriters(volume));
    const std::string mark = FrozenMarkOf(volume);
    const base::UniqueFd made(::open(mark.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!made) return std::unexpected(StoreError(errno, fmt::format("make {}", mark)));
  }
  TRY(internal::SyncFileSystem(volume));
  return MountLayers(volume);
}

Status OverlayDriver::Destroy(const std::string& volume) {
  TRY(internal::Unmount(DataOf(volume), UnmountMode::kWhoUsesItKeepsIt));
  return internal::RemoveLayeredVolume(volume);
}

Result<VolumeUsage> OverlayDriver::Measure(const std::string& volume) {
  TRY(Mount(volume));
  TRY_ASSIGN(const Layers layers, internal::ReadLayers(volume));
  TRY_ASSIGN(const VolumeUsage all, internal::MeasureTree(DataOf(volume)));
  const std::uint64_t total = all.own_bytes + all.shared_bytes;
  VolumeUsage usage;
  std::vector<std::string> mine = layers.below;
  mine.push_back(layers.own);
  for (const std::string& layer : mine) {
    TRY_ASSIGN(const bool alone, internal::IsAlone(volume, layer));
    if (!alone) continue;
    TRY_ASSIGN(const VolumeUsage used,
               internal::MeasureTree(internal::LayerPath(volume, layer, "files")));
    usage.own_bytes += used.own_bytes;
  }
  usage.shared_bytes = total > usage.own_bytes ? total - usage.own_bytes : 0;
  return usage;
}

}  // namespace prism::branching

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <set>
#include <utility>

#include "branching/storage/store_error.h"
#include "branching/storage/tree.h"

namespace prism::branching::internal {
namespace {

constexpr std::size_t kExtents = 256;  // of one call

struct alignas(fiemap) Request {
  std::array<std::byte, sizeof(fiemap) + kExtents * sizeof(fiemap_extent)> bytes;
};

// Adds the extents of one file; 0 or errno.
int AddExtents(int fd, VolumeUsage& usage) {
  Request request;
  auto* const map = reinterpret_cast<fiemap*>(request.bytes.data());
  for (std::uint64_t begin = 0;;) {
    std::memset(map, 0, sizeof(*map));
    map->fm_start = begin;
    map->fm_length = FIEMAP_MAX_OFFSET - begin;
    map->fm_extent_count = kExtents;
    if (::ioctl(fd, FS_IOC_FIEMAP, map) != 0) return errno;
    if (map->fm_mapped_extents == 0) return 0;
    const fiemap_extent* const extents = map->fm_extents;
    for (std::uint32_t i = 0; i < map->fm_mapped_extents; ++i) {
      const bool shared = (extents[i].fe_flags & FIEMAP_EXTENT_SHARED) != 0;
      (shared ? usage.shared_bytes : usage.own_bytes) += extents[i].fe_length;
      begin = extents[i].fe_logical + extents[i].fe_length;
      if ((extents[i].fe_flags & FIEMAP_EXTENT_LAST) != 0) return 0;
    }
  }
}

Status AddFile(const Tree& tree, const TreeEntry& entry, VolumeUsage& usage) {
  const base::UniqueFd fd =
      OpenBeneath(tree.root.get(), entry.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd && (errno == ENOENT || errno == ELOOP)) return {};  // gone meanwhile
  int failed = fd ? AddExtents(fd.get(), usage) : errno;
  if (failed == EOPNOTSUPP || failed == ENOTTY) {
    constexpr std::uint64_t kBlock = 512;  // stat(2): st_blocks
    usage.own_bytes += static_cast<std::uint64_t>(entry.status.st_blocks) * kBlock;
    failed = 0;
  }
  if (failed == 0) return {};
  return std::unexpected(StoreError(failed, fmt::format("measure {}/{}", tree.name, entry.path)));
}

}  // namespace

Result<VolumeUsage> MeasureTree(const std::string& path) {
  TRY_ASSIGN(const Tree tree, ReadTree(path));
  VolumeUsage usage;
  std::set<std::pair<dev_t, ino_t>> seen;  // files with several names
  for (const TreeEntry& entry : tree.entries) {
    const struct stat& status = entry.status;
    if (!S_ISREG(status.st_mode)) continue;
    if (status.st_nlink > 1 && !seen.emplace(status.st_dev, status.st_ino).second) continue;
    TRY(AddFile(tree, entry, usage));
  }
  return usage;
}

}  // namespace prism::branching::internal

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <set>
#include <utility>

#include "branching/storage/file_extents.h"
#include "branching/storage/store_error.h"
#include "branching/storage/tree.h"

namespace prism::branching::internal {
namespace {

// Adds the extents of one file; 0 or errno.
int AddExtents(int fd, VolumeUsage& usage) {
  return VisitExtents(fd, 0, [&usage](const fiemap_extent& extent) {
    const bool shared = (extent.fe_flags & FIEMAP_EXTENT_SHARED) != 0;
    (shared ? usage.shared_bytes : usage.own_bytes) += extent.fe_length;
  });
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

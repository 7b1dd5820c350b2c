#include "branching/storage/file_extents.h"

#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace prism::branching::internal {
namespace {

constexpr std::size_t kExtents = 256;  // of one call

struct alignas(fiemap) Request {
  std::array<std::byte, sizeof(fiemap) + kExtents * sizeof(fiemap_extent)> bytes;
};

// The extents of one file from a position on.
class Cursor {
 public:
  explicit Cursor(const FileExtents& extents) : extents_(extents) {}

  // Not before where it was.
  void MoveTo(std::uint64_t position) {
    position_ = position;
    while (next_ < extents_.size() && extents_[next_].end <= position) ++next_;
  }
  bool AtEnd() const { return next_ == extents_.size(); }
  bool InHole() const { return AtEnd() || extents_[next_].begin > position_; }
  // Where the extent or the hole ends.
  std::uint64_t Until() const {
    if (AtEnd()) return UINT64_MAX;
    return InHole() ? extents_[next_].begin : extents_[next_].end;
  }
  bool IsSame(const Cursor& other) const {
    if (InHole() || other.InHole()) return InHole() && other.InHole();
    return Place() != FileExtent::kUnknown && Place() == other.Place();
  }

 private:
  std::uint64_t Place() const {
    const FileExtent& extent = extents_[next_];
    if (extent.place == FileExtent::kUnknown) return FileExtent::kUnknown;
    return extent.place + (position_ - extent.begin);
  }

  const FileExtents& extents_;
  std::size_t next_ = 0;  // the first that doesn't end before the position
  std::uint64_t position_ = 0;
};

}  // namespace

int VisitExtents(int fd, std::uint32_t flags,
                 const std::function<void(const fiemap_extent&)>& visit) {
  Request request;
  auto* const map = reinterpret_cast<fiemap*>(request.bytes.data());
  for (std::uint64_t begin = 0;;) {
    std::memset(map, 0, sizeof(*map));
    map->fm_start = begin;
    map->fm_length = FIEMAP_MAX_OFFSET - begin;
    map->fm_flags = flags;
    map->fm_extent_count = kExtents;
    if (::ioctl(fd, FS_IOC_FIEMAP, map) != 0) return errno;
    if (map->fm_mapped_extents == 0) return 0;
    const fiemap_extent* const extents = map->fm_extents;
    for (std::uint32_t i = 0; i < map->fm_mapped_extents; ++i) {
      visit(extents[i]);
      begin = extents[i].fe_logical + extents[i].fe_length;
      if ((extents[i].fe_flags & FIEMAP_EXTENT_LAST) != 0) return 0;
    }
  }
}

int ReadExtents(int fd, FileExtents& extents) {
  extents.clear();
  return VisitExtents(fd, FIEMAP_FLAG_SYNC, [&extents](const fiemap_extent& extent) {
    constexpr std::uint32_t kHarmless = FIEMAP_EXTENT_SHARED | FIEMAP_EXTENT_LAST;
    const bool is_plain = (extent.fe_flags & ~kHarmless) == 0;
    extents.push_back({extent.fe_logical, extent.fe_logical + extent.fe_length,
                       is_plain ? extent.fe_physical : FileExtent::kUnknown});
  });
}

bool HasExactExtents(int fd) {
  struct statfs status = {};
  return ::fstatfs(fd, &status) == 0 && status.f_type == XFS_SUPER_MAGIC;
}

std::vector<FileRange> DifferentRanges(const FileExtents& left, const FileExtents& right) {
  std::vector<FileRange> ranges;
  Cursor in_left(left);
  Cursor in_right(right);
  for (std::uint64_t position = 0;;) {
    in_left.MoveTo(position);
    in_right.MoveTo(position);
    if (in_left.AtEnd() && in_right.AtEnd()) return ranges;
    const std::uint64_t until = std::min(in_left.Until(), in_right.Until());
    if (!in_left.IsSame(in_right)) {
      if (!ranges.empty() && ranges.back().end == position) {
        ranges.back().end = until;
      } else {
        ranges.push_back({position, until});
      }
    }
    position = until;
  }
}

}  // namespace prism::branching::internal

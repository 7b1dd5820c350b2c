// Where the contents of a file are in its file system.
#pragma once

#include <linux/fiemap.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace prism::branching::internal {

// Bytes `begin` to `end` of a file, whose first one is at `place` of the file system.
struct FileExtent {
  static constexpr std::uint64_t kUnknown = UINT64_MAX;

  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t place = kUnknown;
};

// By `begin`; what is between them are holes.
using FileExtents = std::vector<FileExtent>;

// Calls `visit` with each extent of the file (FIEMAP), `flags` is 0 or FIEMAP_FLAG_SYNC. 0 or
// errno.
int VisitExtents(int fd, std::uint32_t flags,
                 const std::function<void(const fiemap_extent&)>& visit);

// What was written to the file is written to disk first. The place of what has no blocks of its own
// that hold just what is read there is unknown. 0 or errno.
int ReadExtents(int fd, FileExtents& extents);

// Whether ReadExtents can be trusted with more than sizes: it can on XFS, where a write to disk has
// ended when the file's extents say where it went.
bool HasExactExtents(int fd);

struct FileRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  bool operator==(const FileRange&) const = default;
};

// Where two files whose blocks are not written to in place may differ: not where both have a hole
// or the same block. In order, apart from each other.
std::vector<FileRange> DifferentRanges(const FileExtents& left, const FileExtents& right);

}  // namespace prism::branching::internal

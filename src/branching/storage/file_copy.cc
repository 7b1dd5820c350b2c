#include "branching/storage/file_copy.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <span>
#include <vector>

namespace prism::branching::internal {
namespace {

// Bytes between two looks at the watch.
constexpr std::uint64_t kStep = std::uint64_t{8} << 20;
constexpr std::size_t kBuffer = std::size_t{256} << 10;
// Cloned at once: who writes to the file waits for that long, by the number of extents in it.
constexpr std::uint64_t kPiece = std::uint64_t{16} << 20;
// Of all file systems that have clones.
constexpr std::uint64_t kLargestBlock = std::uint64_t{64} << 10;
// A clone of a file with less takes few milliseconds at most.
constexpr std::uint64_t kWorthBytes = std::uint64_t{1} << 20;
constexpr std::size_t kWorthExtents = 64;

bool NeedsReading(int number) {
  return number == EXDEV || number == EOPNOTSUPP || number == ENOSYS || number == EINVAL;
}

// Copies as much from `offset` on as the buffer holds. The number of bytes, 0 at the end of the
// file, or -1 and errno.
ssize_t ReadAndWrite(int from, int to, off_t offset, std::span<char> buffer) {
  const ssize_t got = ::pread(from, buffer.data(), buffer.size(), offset);
  for (ssize_t done = 0; done < got;) {
    const ssize_t put =
        ::pwrite(to, buffer.data() + done, static_cast<std::size_t>(got - done), offset + done);
    if (put < 0) return -1;
    done += put;
  }
  return got;
}

// The data from `begin` on, before `end`.
int CopyRange(int from, int to, off_t begin, off_t end, Transfer& transfer) {
  bool in_kernel = true;
  std::vector<char> buffer;  // when it can't be done in the kernel
  while (begin < end) {
    const std::size_t step =
        std::min<std::uint64_t>(kStep, static_cast<std::uint64_t>(end - begin));
    ssize_t copied = 0;
    if (in_kernel) {
      off_t source = begin;
      off_t target = begin;
      copied = ::copy_file_range(from, &source, to, &target, step, 0);
      // Some file systems answer 0 where there is data: reading tells.
      if (copied == 0 || (copied < 0 && NeedsReading(errno))) {
        in_kernel = false;
        continue;
      }
    } else {
      buffer.resize(std::min(step, kBuffer));
      copied = ReadAndWrite(from, to, begin, buffer);
    }
    if (copied < 0 && errno == EINTR) continue;
    if (copied < 0) return errno;
    if (copied == 0) return 0;  // shorter than it was
    begin += copied;
    if (!transfer.Add(0, static_cast<std::uint64_t>(copied))) return ECANCELED;
  }
  return 0;
}

int CopyData(int from, int to, std::uint64_t size, Transfer& transfer) {
  const off_t end = static_cast<off_t>(size);
  for (off_t data = 0; data < end;) {
    data = ::lseek(from, data, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // a hole up to the end
    const off_t hole = data < 0 ? -1 : ::lseek(from, data, SEEK_HOLE);
    if (hole < 0) return errno;
    if (const int failed = CopyRange(from, to, data, std::min(hole, end), transfer)) return failed;
    data = hole;
  }
  return ::ftruncate(to, end) == 0 ? 0 : errno;
}

// To the end of the file if the range goes up to `size`, which may not be at a block's end.
int CloneRange(int from, int to, const FileRange& range, std::uint64_t size) {
  file_clone_range request = {};
  request.src_fd = from;
  request.src_offset = range.begin;
  request.src_length = range.end < size ? range.end - range.begin : 0;
  request.dest_offset = range.begin;
  return ::ioctl(to, FICLONERANGE, &request) == 0 ? 0 : errno;
}

// `to` is whatever it was.
int CloneWhole(int from, int to) {
  return ::ftruncate(to, 0) == 0 && ::ioctl(to, FICLONE, from) == 0 ? 0 : errno;
}

int CloneInPieces(int from, int to, std::uint64_t size) {
  int failed = 0;
  for (std::uint64_t begin = 0; begin < size && failed == 0; begin += kPiece) {
    failed = CloneRange(from, to, {begin, std::min(begin + kPiece, size)}, size);
  }
  // EINVAL: it is shorter than it was. Or it has no clones, which this tells too.
  return failed == EINVAL ? CloneWhole(from, to) : failed;
}

// What a copy whose size was another has to get. Not less than the block that the shorter one ends
// in: what is behind an end is nobody's, and may have been written to while it was.
void AddResized(std::uint64_t before, std::uint64_t now, std::vector<FileRange>& ranges) {
  const std::uint64_t shorter = std::min(before, now);
  ranges.push_back({shorter - shorter % kLargestBlock, now});
}

}  // namespace

int CopyContents(FileMethod method, int from, int to, std::uint64_t size, Transfer& transfer) {
  if (method == FileMethod::kCopy) return CopyData(from, to, size, transfer);
  const int failed = CloneInPieces(from, to, size);
  if (failed == 0) return transfer.Add(0, size) ? 0 : ECANCELED;
  if (method == FileMethod::kCloneOrCopy && NeedsReading(failed)) {
    return CopyData(from, to, size, transfer);
  }
  return failed;
}

bool IsWorthChanging(int clone, std::uint64_t size, FileExtents& extents) {
  return size >= kWorthBytes && HasExactExtents(clone) && ReadExtents(clone, extents) == 0 &&
         extents.size() >= kWorthExtents;
}

int CloneChanges(int from, int to, const FileExtents& cloned, std::uint64_t size,
                 Transfer& transfer) {
  FileExtents extents;
  struct stat before = {};
  if (const int failed = ReadExtents(from, extents)) return failed;
  if (::fstat(to, &before) != 0) return errno;
  std::vector<FileRange> ranges = DifferentRanges(cloned, extents);
  const auto old_size = static_cast<std::uint64_t>(before.st_size);
  if (old_size != size) {
    if (::ftruncate(to, static_cast<off_t>(size)) != 0) return errno;
    AddResized(old_size, size, ranges);
  }
  for (const FileRange& range : ranges) {
    if (range.begin >= size) continue;  // blocks behind the end
    const int failed = CloneRange(from, to, range, size);
    if (failed == EINVAL) return CloneWhole(from, to);  // not at the blocks' ends
    if (failed != 0) return failed;
  }
  return transfer.Add(0, size) ? 0 : ECANCELED;
}

}  // namespace prism::branching::internal

#include "branching/storage/file_copy.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
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

}  // namespace

int CopyContents(FileMethod method, int from, int to, std::uint64_t size, Transfer& transfer) {
  if (method == FileMethod::kCopy) return CopyData(from, to, size, transfer);
  if (::ioctl(to, FICLONE, from) == 0) return transfer.Add(0, size) ? 0 : ECANCELED;
  if (method == FileMethod::kCloneOrCopy && NeedsReading(errno)) {
    return CopyData(from, to, size, transfer);
  }
  return errno;
}

}  // namespace prism::branching::internal

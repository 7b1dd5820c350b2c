#include "base/unique_fd.h"

#include <cerrno>

namespace prism::base {

void UniqueFd::reset(int fd) {
  const int old = std::exchange(fd_, fd);
  if (old < 0) return;
  const int error = errno;
  // Linux frees the descriptor whatever close answers (close(2)): a second try could close another.
  ::close(old);
  errno = error;
}

}  // namespace prism::base

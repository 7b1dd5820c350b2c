#pragma once

#include <unistd.h>

#include <utility>

namespace prism::base {

// The owner of a file descriptor; closes it. -1: none. Move-only, no thread rule of its own.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  // Keeps errno: closing is what error paths do before they report.
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

}  // namespace prism::base

#include "branching/storage/store_layout.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/unique_fd.h"
#include "branching/storage/store_error.h"

namespace prism::branching::internal {
namespace {

constexpr std::size_t kMaxBytes = 32;

std::unexpected<Error> Failed(int number, std::string_view action, const std::string& path) {
  return std::unexpected(StoreError(number, fmt::format("{} {}", action, path)));
}

}  // namespace

Result<std::string> ReadLayout(const std::string& store) {
  const std::string path = store + "/layout";
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && errno == ENOENT) return "trees";
  std::array<char, kMaxBytes> text;
  const ssize_t size = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
  if (size < 0) return Failed(errno, "read", path);
  return std::string(text.data(), static_cast<std::size_t>(size));
}

Status WriteLayout(const std::string& store, std::string_view layout) {
  const std::string path = store + "/layout";
  const std::string fresh = path + ".new";
  const base::UniqueFd fd(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd || ::write(fd.get(), layout.data(), layout.size()) != std::ssize(layout) ||
      ::fsync(fd.get()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0) {
    return Failed(errno, "write", path);
  }
  return {};
}

}  // namespace prism::branching::internal

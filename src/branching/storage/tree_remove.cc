#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "branching/storage/store_error.h"
#include "branching/storage/tree.h"

namespace prism::branching::internal {
namespace {

// What is deeper is moved up first, so that depth costs neither descriptors nor stack.
constexpr int kDepth = 32;

class Removal {
 public:
  Removal(int root, std::string name) : root_(root), name_(std::move(name)) {}

  Status Run() {
    do {
      moved_up_ = 0;
      TRY(RemoveContents(root_, 0));
    } while (moved_up_ > 0);
    return {};
  }

 private:
  // `directory` stays the caller's.
  Status RemoveContents(int directory, int depth) {
    const DirectoryStream listing =
        ReadFrom(base::UniqueFd(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
    if (!listing) return Failed("read", ".");
    for (errno = 0; const dirent* found = ::readdir(listing.get()); errno = 0) {
      const std::string_view name = found->d_name;
      if (name != "." && name != "..") TRY(RemoveEntry(directory, found->d_name, depth));
    }
    return errno == 0 ? Status() : Failed("read", ".");
  }

  Status RemoveEntry(int directory, const char* name, int depth) {
    int failed = ::unlinkat(directory, name, 0);
    // A directory that its owner may not write into.
    if (failed != 0 && errno == EACCES && ::fchmod(directory, 0700) == 0) {
      failed = ::unlinkat(directory, name, 0);
    }
    if (failed == 0 || errno == ENOENT) return {};
    if (errno != EISDIR && errno != EPERM) return Failed("remove", name);
    if (::unlinkat(directory, name, AT_REMOVEDIR) == 0) return {};
    if (errno != ENOTEMPTY && errno != EEXIST) return Failed("remove", name);
    if (depth == kDepth) {
      const std::string above = fmt::format(".prism-deep-{}", ++moves_);
      if (::renameat(directory, name, root_, above.c_str()) != 0) return Failed("move", name);
      ++moved_up_;
      return {};
    }
    return RemoveDirectory(directory, name, depth);
  }

  Status RemoveDirectory(int directory, const char* name, int depth) {
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    base::UniqueFd below(::openat(directory, name, kFlags));
    // Its owner may have forbidden it to himself. Root is never refused, so no link can make root
    // change another file here.
    if (!below && errno == EACCES && ::fchmodat(directory, name, 0700, 0) == 0) {
      below.reset(::openat(directory, name, kFlags));
    }
    if (!below) return Failed("open", name);
    TRY(RemoveContents(below.get(), depth + 1));
    if (::unlinkat(directory, name, AT_REMOVEDIR) != 0) return Failed("remove", name);
    return {};
  }

  Status Failed(std::string_view action, std::string_view name) const {
    return std::unexpected(StoreError(errno, fmt::format("{} {} in {}", action, name, name_)));
  }

  const int root_;
  const std::string name_;
  std::uint64_t moves_ = 0;
  std::uint64_t moved_up_ = 0;  // in this round
};

}  // namespace

Status RemoveTree(const std::string& path) {
  TRY_ASSIGN(const base::UniqueFd root, OpenDirectory(path));
  TRY(Removal(root.get(), path).Run());
  if (::rmdir(path.c_str()) != 0) {
    return std::unexpected(StoreError(errno, fmt::format("remove {}", path)));
  }
  return {};
}

}  // namespace prism::branching::internal

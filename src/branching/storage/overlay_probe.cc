#include "branching/storage/overlay_probe.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ranges>
#include <utility>

#include "branching/storage/overlay_mount.h"
#include "branching/storage/store_error.h"
#include "branching/storage/tree.h"

namespace prism::branching::internal {
namespace {

// Always the same names, and nothing but these is ever removed. Those without `made` are overlayfs'
// own.
struct Part {
  const char* path;
  bool made;
};
constexpr std::array kParts = {
    Part{"", true},       Part{"/lower", true},      Part{"/lower/old", true},
    Part{"/upper", true}, Part{"/upper/old", false}, Part{"/upper/new", false},
    Part{"/work", true},  Part{"/work/work", false}, Part{"/work/index", false},
};

void Clear(const std::string& root) {
  for (const Part& part : std::views::reverse(kParts)) {
    const std::string path = root + part.path;
    // A whiteout takes the place of what was renamed.
    if (::rmdir(path.c_str()) != 0 && errno == ENOTDIR) ::unlink(path.c_str());
  }
}

Status Try(const std::string& root) {
  for (const Part& part : kParts) {
    if (part.made) TRY(MakeDirectory(root + part.path));
  }
  OverlayParts parts{.name = root, .lower = {}, .upper = {}, .work = {}};
  TRY_ASSIGN(base::UniqueFd lower, OpenDirectory(root + "/lower"));
  parts.lower.push_back(std::move(lower));
  TRY_ASSIGN(parts.upper, OpenDirectory(root + "/upper"));
  TRY_ASSIGN(parts.work, OpenDirectory(root + "/work"));
  TRY_ASSIGN(const base::UniqueFd mount, MakeOverlay(parts));
  if (::renameat(mount.get(), "old", mount.get(), "new") == 0) return {};
  return std::unexpected(StoreError(errno, "rename a directory in it"));
}

}  // namespace

Status TryOverlay(const std::string& directory) {
  const std::string root = directory + "/.prism-probe-overlay";
  Clear(root);
  Status tried = Try(root);
  Clear(root);
  return tried;
}

}  // namespace prism::branching::internal

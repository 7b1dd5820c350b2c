#include "branching/storage/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <string_view>
#include <utility>

#include "branching/storage/store_error.h"

namespace prism::branching::internal {
Result<base::UniqueFd> OpenDirectory(const std::string& path) {
  base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return std::unexpected(StoreError(errno, fmt::format("open the directory {}", path)));
  return fd;
}

Result<base::UniqueFd> LockDirectory(const std::string& path) {
  TRY_ASSIGN(base::UniqueFd fd, OpenDirectory(path));
  if (::flock(fd.get(), LOCK_EX) == 0) return fd;
  return std::unexpected(StoreError(errno, fmt::format("lock {}", path)));
}

DirectoryStream ReadFrom(base::UniqueFd directory) {
  DirectoryStream stream(directory ? ::fdopendir(directory.get()) : nullptr);
  if (stream) static_cast<void>(directory.release());  // the stream closes it
  return stream;
}

namespace {

base::UniqueFd OpenAt(int root, const std::string& path, int flags, mode_t mode, __u64 resolve) {
  struct open_how how = {};
  how.flags = static_cast<__u64>(static_cast<unsigned>(flags | O_CLOEXEC));
  how.mode = mode;
  how.resolve = resolve;
  // glibc has no wrapper. EAGAIN: a rename elsewhere made the kernel unsure; it asks to try again.
  constexpr int kTries = 16;
  for (int i = 0;; ++i) {
    const long fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how));
    if (fd >= 0 || errno != EAGAIN || i == kTries) return base::UniqueFd(static_cast<int>(fd));
  }
}

}  // namespace

base::UniqueFd OpenBeneath(int root, const std::string& path, int flags, mode_t mode) {
  return OpenAt(root, path, flags, mode,
                RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
}

base::UniqueFd OpenWithoutLinks(const std::string& path, int flags) {
  return OpenAt(AT_FDCWD, path, flags, 0, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

namespace {

Status ReadDirectory(Tree& tree, const std::string& path, std::deque<std::string>& directories) {
  base::UniqueFd fd =
      OpenBeneath(tree.root.get(), path.empty() ? "." : path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!fd && (errno == ENOENT || errno == EXDEV)) return {};  // gone, or CheckPortable's to refuse
  if (!fd) {
    return std::unexpected(StoreError(errno, fmt::format("read {}/{}", tree.name, path)));
  }
  const DirectoryStream directory = ReadFrom(std::move(fd));
  if (!directory) {
    return std::unexpected(StoreError(errno, fmt::format("read {}/{}", tree.name, path)));
  }
  const int owned = ::dirfd(directory.get());
  for (errno = 0; const dirent* found = ::readdir(directory.get()); errno = 0) {
    const std::string_view name = found->d_name;
    if (name == "." || name == "..") continue;
    TreeEntry entry{path.empty() ? std::string(name) : fmt::format("{}/{}", path, name), {}};
    if (::fstatat(owned, found->d_name, &entry.status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      return std::unexpected(
          StoreError(errno, fmt::format("look at {}/{}", tree.name, entry.path)));
    }
    if (S_ISDIR(entry.status.st_mode)) directories.push_back(entry.path);
    tree.entries.push_back(std::move(entry));
  }
  if (errno != 0) {
    return std::unexpected(StoreError(errno, fmt::format("read {}/{}", tree.name, path)));
  }
  return {};
}

}  // namespace

Result<Tree> ReadTree(const std::string& path) {
  Tree tree;
  tree.name = path;
  TRY_ASSIGN(tree.root, OpenDirectory(path));
  if (::fstat(tree.root.get(), &tree.status) != 0) {
    return std::unexpected(StoreError(errno, fmt::format("look at {}", path)));
  }
  std::deque<std::string> directories = {""};
  while (!directories.empty()) {
    TRY(ReadDirectory(tree, directories.front(), directories));
    directories.pop_front();
  }
  return tree;
}

Status CheckPortable(const Tree& tree) {
  for (const TreeEntry& entry : tree.entries) {
    // Files are not compared: overlayfs shows those of its layers with devices of their own.
    if (S_ISDIR(entry.status.st_mode) && entry.status.st_dev != tree.status.st_dev) {
      return std::unexpected(Error(
          Code::kFailedPrecondition, "STORE_SOURCE_MOUNT",
          fmt::format("{}/{} is a mount point or a subvolume of its own, which would be missing in "
                      "each branch. Make it a plain directory inside {}.",
                      tree.name, entry.path, tree.name)));
    }
    if (S_ISBLK(entry.status.st_mode) || S_ISCHR(entry.status.st_mode)) {
      return std::unexpected(Error(Code::kFailedPrecondition, "STORE_SOURCE_DEVICE",
                                   fmt::format("{}/{} is a device, which no data directory has. "
                                               "Remove it.",
                                               tree.name, entry.path)));
    }
  }
  return {};
}

Status ChownTree(const Tree& tree, const std::string& copy, const VolumeOwner& owner) {
  const auto chown_it = [&](int root, const std::string& path,
                            const struct stat& status) -> Status {
    if (status.st_uid == owner.uid && status.st_gid == owner.gid) return {};
    const base::UniqueFd fd = OpenBeneath(root, path, O_PATH | O_NOFOLLOW);
    if (!fd || ::fchownat(fd.get(), "", owner.uid, owner.gid, AT_EMPTY_PATH) != 0) {
      return std::unexpected(
          StoreError(errno, fmt::format("change the owner of {}/{}", copy, path)));
    }
    return {};
  };
  TRY_ASSIGN(const base::UniqueFd root, OpenDirectory(copy));
  for (const TreeEntry& entry : tree.entries) TRY(chown_it(root.get(), entry.path, entry.status));
  return chown_it(root.get(), ".", tree.status);
}

Status MakeDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return {};
  return std::unexpected(StoreError(errno, fmt::format("make the directory {}", path)));
}

Status HideFromOthers(const std::string& path) {
  TRY_ASSIGN(const base::UniqueFd directory, OpenDirectory(path));
  struct stat status = {};
  if (::fstat(directory.get(), &status) != 0 ||
      ::fchmod(directory.get(), status.st_mode & 07770) != 0) {
    return std::unexpected(StoreError(errno, fmt::format("change the rights of {}", path)));
  }
  return {};
}

Status ImportTree(const std::string& from, const std::string& to, FileMethod method,
                  const VolumeOwner& owner, const TransferWatch& watch) {
  TRY_ASSIGN(const Tree tree, ReadTree(from));
  TRY(CheckPortable(tree));
  TRY(MakeDirectory(to));
  TRY(CopyTree(tree, to, {.method = method, .owner = owner, .watch = watch}));
  TRY(HideFromOthers(to));
  return SyncFileSystem(to);
}

Status FlushTree(const Tree& tree) {
  constexpr unsigned kWriteAndWait =
      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  for (const TreeEntry& entry : tree.entries) {
    if (!S_ISREG(entry.status.st_mode)) continue;
    // What was a file may have gone, or be a pipe, which would wait for a writer: nothing to write.
    const base::UniqueFd file = OpenBeneath(tree.root.get(), entry.path, O_RDONLY | O_NONBLOCK);
    if (!file || ::sync_file_range(file.get(), 0, 0, kWriteAndWait) == 0) continue;
    if (errno == ESPIPE) continue;
    return std::unexpected(
        StoreError(errno, fmt::format("write {}/{} to disk", tree.name, entry.path)));
  }
  return {};
}

Status SyncFileSystem(const std::string& path) {
  TRY_ASSIGN(const base::UniqueFd fd, OpenDirectory(path));
  if (::syncfs(fd.get()) != 0) {
    return std::unexpected(StoreError(errno, fmt::format("write {} to disk", path)));
  }
  return {};
}

}  // namespace prism::branching::internal

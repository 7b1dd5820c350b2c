#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <map>
#include <ranges>
#include <string_view>
#include <utility>

#include "branching/storage/file_copy.h"
#include "branching/storage/share_work.h"
#include "branching/storage/store_error.h"
#include "branching/storage/transfer.h"
#include "branching/storage/tree.h"

namespace prism::branching::internal {
namespace {

// One run of CopyTree.
class Copy {
 public:
  Copy(const Tree& tree, int to, std::string name, const CopyOptions& options)
      : tree_(tree), to_(to), name_(std::move(name)), options_(options), transfer_(options.watch) {}

  Status Run() {
    for (const TreeEntry& entry : tree_.entries) TRY(Begin(entry));
    TRY(ShareWork(options_.helpers, files_.size(),
                  [this](std::size_t index) { return CopyFile(*files_[index]); }));
    for (const auto& [first, second] : links_) TRY(Link(*first, *second));
    // Directories get their rights when nothing has to be written into them any more.
    for (const TreeEntry& entry : std::views::reverse(tree_.entries)) {
      if (!S_ISDIR(entry.status.st_mode)) continue;
      const base::UniqueFd directory = OpenBeneath(to_, entry.path, O_RDONLY | O_NOFOLLOW);
      if (!directory) return Failed("open", entry.path, errno);
      TRY(GiveAttributes(directory.get(), entry.path, entry.status));
    }
    return GiveAttributes(to_, "", tree_.status);
  }

 private:
  // What needs an order: directories before what is in them, first names before further ones.
  Status Begin(const TreeEntry& entry) {
    switch (entry.status.st_mode & S_IFMT) {
      case S_IFDIR:
        if (::mkdirat(to_, entry.path.c_str(), 0700) == 0) return {};
        return Failed("make", entry.path, errno);
      case S_IFLNK:
        return CopyLink(entry);
      case S_IFREG:
        if (entry.status.st_nlink > 1) {
          const auto [first, fresh] =
              first_names_.try_emplace({entry.status.st_dev, entry.status.st_ino}, &entry);
          if (!fresh) {
            links_.emplace_back(first->second, &entry);
            return {};
          }
        }
        files_.push_back(&entry);
        return {};
      default:
        return {};  // sockets and pipes
    }
  }

  Status CopyLink(const TreeEntry& entry) {
    const base::UniqueFd from = OpenBeneath(tree_.root.get(), entry.path, O_PATH | O_NOFOLLOW);
    std::array<char, PATH_MAX + 1> target = {};
    if (!from || ::readlinkat(from.get(), "", target.data(), PATH_MAX) < 0 ||
        ::symlinkat(target.data(), to_, entry.path.c_str()) != 0 ||
        ::fchownat(to_, entry.path.c_str(), Uid(entry.status), Gid(entry.status),
                   AT_SYMLINK_NOFOLLOW) != 0 ||
        ::utimensat(to_, entry.path.c_str(), Times(entry.status).data(), AT_SYMLINK_NOFOLLOW) !=
            0) {
      return Vanished(errno) ? Status() : Failed("copy", entry.path, errno);
    }
    return transfer_.Add(1, 0);
  }

  // Runs on several threads at once.
  Status CopyFile(const TreeEntry& entry) {
    // Not to be held up by a pipe that took the place of the file.
    const base::UniqueFd from =
        OpenBeneath(tree_.root.get(), entry.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    struct stat status = {};
    if (!from && Vanished(errno)) return {};
    if (!from || ::fstat(from.get(), &status) != 0) return Failed("copy", entry.path, errno);
    if (!S_ISREG(status.st_mode)) {
      return options_.may_vanish ? Status() : Failed("copy", entry.path, ESTALE);
    }
    const FileExtents* const cloned = Cloned(entry.path);
    const int making = cloned != nullptr ? 0 : O_CREAT | O_EXCL;
    const base::UniqueFd to =
        OpenBeneath(to_, entry.path, O_WRONLY | O_NOFOLLOW | making, making == 0 ? 0 : 0600);
    if (!to) return Failed("make", entry.path, errno);
    const auto size = static_cast<std::uint64_t>(status.st_size);
    const int failed = cloned != nullptr
                           ? CloneChanges(from.get(), to.get(), *cloned, size, transfer_)
                           : CopyContents(options_.method, from.get(), to.get(), size, transfer_);
    if (failed == ECANCELED) return transfer_.Add(0, 0);
    if (failed != 0) return Failed("copy", entry.path, failed);
    TRY(GiveAttributes(to.get(), entry.path, status));
    return transfer_.Add(1, 0);
  }

  // Null: not there yet.
  const FileExtents* Cloned(const std::string& path) const {
    if (options_.cloned == nullptr) return nullptr;
    const auto found = options_.cloned->find(path);
    return found == options_.cloned->end() ? nullptr : &found->second;
  }

  Status Link(const TreeEntry& first, const TreeEntry& second) {
    if (::linkat(to_, first.path.c_str(), to_, second.path.c_str(), 0) != 0) {
      return Vanished(errno) ? Status() : Failed("link", second.path, errno);
    }
    return transfer_.Add(1, 0);
  }

  // What was there is gone, or something else is in its place.
  bool Vanished(int number) const {
    return options_.may_vanish &&
           (number == ENOENT || number == ENOTDIR || number == EINVAL || number == ELOOP);
  }

  Status GiveAttributes(int fd, std::string_view path, const struct stat& status) {
    // The mode after the owner: chown takes set-id bits away.
    if (::fchown(fd, Uid(status), Gid(status)) != 0 || ::fchmod(fd, status.st_mode & 07777) != 0 ||
        ::futimens(fd, Times(status).data()) != 0) {
      return Failed("set the attributes of", path, errno);
    }
    return {};
  }

  uid_t Uid(const struct stat& status) const {
    return options_.owner ? options_.owner->uid : status.st_uid;
  }
  gid_t Gid(const struct stat& status) const {
    return options_.owner ? options_.owner->gid : status.st_gid;
  }
  static std::array<timespec, 2> Times(const struct stat& status) {
    return {status.st_atim, status.st_mtim};
  }

  Status Failed(std::string_view action, std::string_view path, int number) const {
    return std::unexpected(
        StoreError(number, fmt::format("{} {}/{} in {}", action, tree_.name, path, name_)));
  }

  const Tree& tree_;
  const int to_;
  const std::string name_;
  const CopyOptions& options_;
  Transfer transfer_;
  std::vector<const TreeEntry*> files_;
  std::map<std::pair<dev_t, ino_t>, const TreeEntry*> first_names_;  // of files with several
  std::vector<std::pair<const TreeEntry*, const TreeEntry*>> links_;
};

}  // namespace

Status CopyTree(const Tree& tree, const std::string& to, const CopyOptions& options) {
  TRY_ASSIGN(const base::UniqueFd directory, OpenDirectory(to));
  return Copy(tree, directory.get(), to, options).Run();
}

}  // namespace prism::branching::internal

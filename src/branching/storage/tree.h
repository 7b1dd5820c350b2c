// Trees of files: reading, copying, measuring and removing them.
//
// The trees belong to users that may be hostile, and these functions may run as root: nothing
// follows a symbolic link or leaves the tree that it was given, whatever happens in it meanwhile.
#pragma once

#include <dirent.h>
#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "branching/storage/driver.h"
#include "branching/storage/file_extents.h"

namespace prism::runtime {
class BlockingPool;
}

namespace prism::branching::internal {

struct TreeEntry {
  std::string path;  // relative to the tree
  struct stat status;
};

struct Tree {
  base::UniqueFd root;
  std::string name;  // for messages
  struct stat status;
  std::vector<TreeEntry> entries;  // a directory before what is in it
};

// Open a directory for the calls below.
Result<base::UniqueFd> OpenDirectory(const std::string& path);

// The same, waiting until nobody else has it locked; until the descriptor and all copies of it are
// closed.
Result<base::UniqueFd> LockDirectory(const std::string& path);

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using DirectoryStream = std::unique_ptr<DIR, CloseDirectory>;

// The entries of an open directory; null and errno, also for none.
DirectoryStream ReadFrom(base::UniqueFd directory);

// Opens `path` below `root` as open(2) does with `flags`, without passing through links and mount
// points. -1 and errno.
base::UniqueFd OpenBeneath(int root, const std::string& path, int flags, mode_t mode = 0);

// Opens `path` as open(2) does with `flags`, and passes no link on the way: it is where it says.
base::UniqueFd OpenWithoutLinks(const std::string& path, int flags);

// Everything below a directory. What vanishes meanwhile may be in it or not.
Result<Tree> ReadTree(const std::string& path);

// What can't be carried to a volume: mount points and subvolumes, devices.
Status CheckPortable(const Tree& tree);

enum class FileMethod {
  kClone,        // FICLONE
  kCloneOrCopy,  // FICLONE where both files are on one file system that can do it
  kCopy,         // all bytes, but for holes
};

// Of files, by their paths in the tree.
using ExtentsByPath = std::unordered_map<std::string, FileExtents>;

struct CopyOptions {
  FileMethod method = FileMethod::kCopy;
  std::optional<VolumeOwner> owner = std::nullopt;  // of all of the copy; none: as in the source
  const TransferWatch& watch;
  runtime::BlockingPool* helpers = nullptr;  // its idle threads help to copy files
  bool may_vanish = false;  // what is not there any more is left out, and is no error
  // Clones of these files are there, and get what has changed since. May be null.
  const ExtentsByPath* cloned = nullptr;
};

// Copies a tree into the directory `to`, and gives that the rights of the tree's root. Nothing of
// it is there but for options.cloned. Contents, holes, modes, owners, times and links are kept;
// extended attributes are not. Sockets and pipes are left out: they connect processes of the
// source.
Status CopyTree(const Tree& tree, const std::string& to, const CopyOptions& options);

// Makes the directory `to`, a copy of `from` that belongs to `owner` and is on disk.
Status ImportTree(const std::string& from, const std::string& to, FileMethod method,
                  const VolumeOwner& owner, const TransferWatch& watch);

// A directory that only we can look into. It is not there yet.
Status MakeDirectory(const std::string& path);

// Takes the rights of others from a directory.
Status HideFromOthers(const std::string& path);

// Gives `copy`, which has the same entries as `tree`, to the owner.
Status ChownTree(const Tree& tree, const std::string& copy, const VolumeOwner& owner);

// FIEMAP of each file; where the file system has none, all is own.
Result<VolumeUsage> MeasureTree(const std::string& path);

// Removes the directory with all that is in it, subvolumes included, at any depth.
Status RemoveTree(const std::string& path);

// What was written to the files of a tree is on disk but for their sizes and places, so that a sync
// has little left to do. Who writes meanwhile is not held up.
Status FlushTree(const Tree& tree);

// All that was written to the file system of `path` is on disk.
Status SyncFileSystem(const std::string& path);

}  // namespace prism::branching::internal

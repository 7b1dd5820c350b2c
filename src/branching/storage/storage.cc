#include "branching/storage/storage.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/ids.h"
#include "branching/storage/store_error.h"
#include "branching/storage/store_layout.h"
#include "branching/storage/tree.h"

namespace prism::branching {
namespace {

using internal::StoreError;

// No id begins with it. What does is ours to delete.
constexpr std::string_view kTemporaryPrefix = ".prism-tmp-";

Error NotFound(std::string_view id) {
  return Error(
      Code::kNotFound, "VOLUME_NOT_FOUND",
      fmt::format("The store has no volume {}. When it was removed by hand: what it was of "
                  "can only be deleted for good.",
                  id));
}

Error Exists(std::string_view id) {
  return Error(Code::kAlreadyExists, "VOLUME_EXISTS",
               fmt::format("There is a volume {} already.", id));
}

Status CheckId(std::string_view id) {
  if (Storage::IsVolumeId(id)) return {};
  return std::unexpected(Error(Code::kInvalidArgument, "VOLUME_ID",
                               "The id of a volume is 1 to 63 of a-z, 0-9 and -, and does not "
                               "begin with -."));
}

// Made for the owner alone; what is there already must be his.
Status PrepareDirectory(const std::string& path, const VolumeOwner& owner) {
  const bool fresh = ::mkdir(path.c_str(), 0700) == 0;
  if (!fresh && errno != EEXIST) {
    return std::unexpected(StoreError(errno, fmt::format("make the directory {}", path)));
  }
  TRY_ASSIGN(const base::UniqueFd fd, internal::OpenDirectory(path));
  struct stat status = {};
  if (::fstat(fd.get(), &status) != 0) {
    return std::unexpected(StoreError(errno, fmt::format("look at {}", path)));
  }
  if (fresh && status.st_uid != owner.uid && ::fchown(fd.get(), owner.uid, owner.gid) != 0) {
    return std::unexpected(Error(
        Code::kPermissionDenied, "STORE_OWNER",
        fmt::format("{} can't be given to the user {}: only root can. Run as root or as that user.",
                    path, owner.uid)));
  }
  if (!fresh && status.st_uid != owner.uid) {
    return std::unexpected(Error(Code::kFailedPrecondition, "STORE_OWNER",
                                 fmt::format("{} belongs to the user {}, and volumes shall belong "
                                             "to {}. Change its owner or name another directory.",
                                             path, status.st_uid, owner.uid)));
  }
  if ((status.st_mode & 0077) != 0 && ::fchmod(fd.get(), 0700) != 0) {
    return std::unexpected(StoreError(errno, fmt::format("change the rights of {}", path)));
  }
  return {};
}

std::string LockOf(const std::string& directory) { return directory + "/lock"; }

Result<base::UniqueFd> OpenLock(const std::string& path, const VolumeOwner& owner) {
  base::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return std::unexpected(StoreError(errno, fmt::format("open {}", path)));
  // What root has made is for the owner to use later.
  if (::geteuid() == 0 && ::fchown(fd.get(), owner.uid, owner.gid) != 0) {
    return std::unexpected(StoreError(errno, fmt::format("change the owner of {}", path)));
  }
  return fd;
}

Error Locked(const std::string& directory) {
  return {Code::kFailedPrecondition, "STORE_LOCKED",
          fmt::format("{} is in use by another process. Stop that one, or name another directory.",
                      directory)};
}

Result<base::UniqueFd> Lock(const std::string& directory, const VolumeOwner& owner) {
  const std::string path = LockOf(directory);
  TRY_ASSIGN(base::UniqueFd fd, OpenLock(path, owner));
  // A process that was killed while it started a program has left a child that holds the lock until
  // it has become that program: not to be told from one that goes on, but by a moment's patience.
  constexpr int kTries = 100;
  constexpr int kPauseMs = 10;
  for (int tries = 1; ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (errno != EWOULDBLOCK) {
      return std::unexpected(StoreError(errno, fmt::format("lock {}", path)));
    }
    if (tries == kTries) return std::unexpected(Locked(directory));
    ::poll(nullptr, 0, kPauseMs);
  }
  return fd;
}

// A volume or a part of one.
bool IsOurs(const std::string& name) {
  return Storage::IsVolumeId(name) || name.starts_with(kTemporaryPrefix);
}

// 0, EEXIST when there is something, or another errno.
int RenameToNew(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL) return errno;
  // ZFS before 2.2 and some of FUSE don't know that. The old call replaces nothing but an empty
  // directory: a volume of ZFS never is, and others are only when they were made of an empty one.
  if (::rename(from.c_str(), to.c_str()) == 0) return 0;
  return errno == ENOTEMPTY || errno == ENOTDIR ? EEXIST : errno;
}

// The names of the directories in a directory.
Result<std::vector<std::string>> Directories(const std::string& path) {
  std::vector<std::string> names;
  std::error_code failed;
  std::filesystem::directory_iterator entry(path, failed);
  for (; !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    std::error_code gone;  // then it is no directory
    if (entry->symlink_status(gone).type() == std::filesystem::file_type::directory) {
      names.push_back(entry->path().filename().string());
    }
  }
  if (!failed) return names;
  return std::unexpected(StoreError(failed.value(), fmt::format("read {}", path)));
}

// A store may be a directory that others look into, the root of a file system for example:
// `volumes` is what has to be private. The directory without links.
Result<std::string> MakeStore(const Storage::Options& options) {
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::absolute(options.directory).parent_path(),
                                      failed);
  if (!std::filesystem::exists(options.directory, failed)) {
    TRY(PrepareDirectory(options.directory, options.owner));
  }
  std::string whole = std::filesystem::canonical(options.directory, failed).string();
  if (!failed) return whole;
  return std::unexpected(
      StoreError(failed.value(), fmt::format("use the directory {}", options.directory)));
}

Status CheckLayout(const std::string& directory, const StorageTraits& traits) {
  TRY_ASSIGN(const std::optional<std::string> layout, Storage::LayoutOf(directory));
  if (!layout) {
    TRY_ASSIGN(const std::string written, internal::ReadLayout(directory));
    return written == traits.layout ? Status() : internal::WriteLayout(directory, traits.layout);
  }
  if (*layout == traits.layout) return {};
  return std::unexpected(Error(
      Code::kFailedPrecondition, "STORE_LAYOUT",
      fmt::format("The volumes in {} are {}, and the driver {} works with {}: use the driver that "
                  "has made them (`prism branch init` says why it can't be used now), or name "
                  "another directory.",
                  directory, *layout, traits.name, traits.layout)));
}

}  // namespace

bool Storage::IsVolumeId(std::string_view id) {
  constexpr std::size_t kMaximum = 63;
  return !id.empty() && id.size() <= kMaximum && id.front() != '-' &&
         std::ranges::all_of(id, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

Storage::Storage(std::string directory, VolumeOwner owner, base::UniqueFd lock,
                 std::unique_ptr<StorageDriver> driver)
    : directory_(std::move(directory)),
      volumes_(directory_ + "/volumes"),
      owner_(owner),
      lock_(std::move(lock)),
      // A forked process has our next ids too.
      temporary_(fmt::format("{}{}-{}-", kTemporaryPrefix, ::getpid(), base::NewId())),
      driver_(std::move(driver)) {}

Result<std::string> Storage::Prepare(const Options& options, const StorageTraits& traits) {
  TRY_ASSIGN(std::string whole, MakeStore(options));
  TRY(OpenLock(LockOf(whole), options.owner));
  TRY(PrepareDirectory(whole + "/volumes", options.owner));
  TRY(CheckLayout(whole, traits));
  // Beside the volumes, by the first of them.
  if (traits.layout == "layers") TRY(PrepareDirectory(whole + "/layers", options.owner));
  return whole;
}

Result<std::unique_ptr<Storage>> Storage::Open(const Options& options,
                                               std::unique_ptr<StorageDriver> driver) {
  TRY_ASSIGN(std::string whole, MakeStore(options));
  TRY_ASSIGN(base::UniqueFd lock, Lock(whole, options.owner));
  std::unique_ptr<Storage> storage(
      new Storage(std::move(whole), options.owner, std::move(lock), std::move(driver)));
  TRY(PrepareDirectory(storage->volumes_, options.owner));
  TRY(CheckLayout(storage->directory_, storage->driver_->traits()));
  return storage;
}

Result<std::optional<std::string>> Storage::LayoutOf(const std::string& directory) {
  const std::string volumes = directory + "/volumes";
  std::error_code failed;
  if (!std::filesystem::exists(volumes, failed)) return std::nullopt;
  TRY_ASSIGN(const std::vector<std::string> names, Directories(volumes));
  if (std::ranges::none_of(names, IsOurs)) return std::nullopt;
  return internal::ReadLayout(directory);
}

Result<std::size_t> Storage::Sweep() {
  TRY_ASSIGN(const std::vector<std::string> names, Directories(volumes_));
  std::size_t swept = 0;
  Status failed;
  for (const std::string& name : names) {
    if (!name.starts_with(kTemporaryPrefix) || name.starts_with(temporary_)) continue;
    if (Status gone = driver_->Destroy(fmt::format("{}/{}", volumes_, name)); gone) {
      ++swept;
    } else if (failed) {
      failed = std::move(gone);
    }
  }
  if (!failed) return std::unexpected(failed.error());
  return swept;
}

Result<std::string> Storage::FindSource(const std::string& directory) const {
  std::error_code failed;
  std::string source = std::filesystem::canonical(directory, failed).string();
  if (failed || !std::filesystem::is_directory(source, failed)) {
    return std::unexpected(Error(Code::kNotFound, "STORE_SOURCE_NOT_FOUND",
                                 fmt::format("{} is no directory that can be read.", directory)));
  }
  const std::string inner = source + "/";
  const std::string ours = volumes_ + "/";
  if (!inner.starts_with(ours) && !ours.starts_with(inner)) return source;
  return std::unexpected(
      Error(Code::kFailedPrecondition, "STORE_SOURCE_OVERLAP",
            fmt::format("{} and the store {} are inside each other. Name a directory outside.",
                        directory, directory_)));
}

Status Storage::Import(const std::string& directory, std::string_view id,
                       const TransferWatch& watch) {
  TRY(CheckId(id));
  TRY_ASSIGN(const std::string source, FindSource(directory));
  return Make(
      id, [&](const std::string& path) { return driver_->Import(source, path, owner_, watch); });
}

// A driver makes volumes of directories.
Status Storage::Create(std::string_view id) {
  TRY(CheckId(id));
  const std::string empty = TemporaryPath();
  if (::mkdir(empty.c_str(), 0700) != 0) {
    return std::unexpected(StoreError(errno, fmt::format("make {}", empty)));
  }
  const Status made =
      Make(id, [&](const std::string& path) { return driver_->Import(empty, path, owner_, {}); });
  ::rmdir(empty.c_str());  // one that stays is the next Sweep's
  return made;
}

Status Storage::Clone(std::string_view from, std::string_view to, const TransferWatch& watch) {
  TRY_ASSIGN(const std::string source, Existing(from));
  return Make(to, [&](const std::string& path) { return driver_->Clone(source, path, watch); });
}

Status Storage::CloneStill(std::string_view from, std::string_view to, const StillSource& still,
                           const TransferWatch& watch) {
  TRY_ASSIGN(const std::string source, Existing(from));
  return Make(
      to, [&](const std::string& path) { return driver_->CloneStill(source, path, still, watch); });
}

Status Storage::Freeze(std::string_view id) {
  TRY_ASSIGN(const std::string path, Existing(id));
  return driver_->Freeze(path);
}

Status Storage::Mount(std::string_view id) {
  TRY_ASSIGN(const std::string path, Existing(id));
  return driver_->Mount(path);
}

Status Storage::Delete(std::string_view id) {
  TRY_ASSIGN(const std::string path, Home(id));
  const std::string temporary = TemporaryPath();
  if (::rename(path.c_str(), temporary.c_str()) == 0) return driver_->Destroy(temporary);
  if (errno == ENOENT) return {};
  return std::unexpected(StoreError(errno, fmt::format("delete the volume {}", id)));
}

Result<std::vector<std::string>> Storage::List() const {
  TRY_ASSIGN(StoreContents contents, ContentsOf(directory_));
  return std::move(contents.volumes);
}

Result<bool> Storage::IsLocked(const std::string& directory) {
  const std::string path = LockOf(directory);
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && errno == ENOENT) return false;
  if (!fd) return std::unexpected(StoreError(errno, fmt::format("open {}", path)));
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) == 0) return false;
  if (errno == EWOULDBLOCK) return true;
  return std::unexpected(StoreError(errno, fmt::format("lock {}", path)));
}

Result<StoreContents> Storage::ContentsOf(const std::string& directory) {
  const std::string volumes = directory + "/volumes";
  StoreContents contents;
  std::error_code failed;
  if (!std::filesystem::exists(volumes, failed) && !failed) return contents;
  TRY_ASSIGN(std::vector<std::string> names, Directories(volumes));
  for (std::string& name : names) {
    if (name.starts_with(kTemporaryPrefix)) ++contents.pieces;
    if (IsVolumeId(name)) contents.volumes.push_back(std::move(name));
  }
  std::ranges::sort(contents.volumes);
  return contents;
}

Result<VolumeUsage> Storage::Measure(std::string_view id) const {
  TRY_ASSIGN(const std::string path, Existing(id));
  return driver_->Measure(path);
}

Result<std::string> Storage::Path(std::string_view id) const {
  TRY_ASSIGN(const std::string home, Home(id));
  return driver_->FilesOf(home);
}

Result<std::string> Storage::Home(std::string_view id) const {
  TRY(CheckId(id));
  return fmt::format("{}/{}", volumes_, id);
}

std::string Storage::TemporaryPath() const {
  return fmt::format("{}/{}{}", volumes_, temporary_, base::NewId());
}

Result<std::string> Storage::Existing(std::string_view id) const {
  TRY_ASSIGN(std::string path, Home(id));
  struct stat status = {};
  if (::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return path;
  return std::unexpected(NotFound(id));
}

Status Storage::Make(std::string_view id,
                     const std::function<Status(const std::string& path)>& make) {
  TRY_ASSIGN(const std::string path, Home(id));
  if (Existing(id)) return std::unexpected(Exists(id));
  const std::string temporary = TemporaryPath();
  Status made = make(temporary);
  if (const int failed = made ? RenameToNew(temporary, path) : 0) {
    made = std::unexpected(
        failed == EEXIST ? Exists(id) : StoreError(failed, fmt::format("name the volume {}", id)));
  }
  struct stat left = {};
  if (made || ::lstat(temporary.c_str(), &left) != 0) return made;
  // Why there is no volume is the news; what can't be removed now is the next Sweep's.
  static_cast<void>(driver_->Destroy(temporary));
  return made;
}

}  // namespace prism::branching

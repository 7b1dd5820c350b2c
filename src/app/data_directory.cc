#include "app/data_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "app/branch_store.h"
#include "base/os_error.h"
#include "base/unique_fd.h"

namespace prism::app {

namespace {

namespace fs = std::filesystem;

Error OwnerError(const std::string& path, const std::string& data_dir, const std::string& user) {
  // Images are root's, who mounts them, and what is mounted is somebody's already.
  return {Code::kFailedPrecondition, "DATA_DIR_OWNER",
          fmt::format("{0} is in a directory of root or root's itself, and Prism serves as {1}: "
                      "find {2} -xdev -user root ! -name "
                      "'*.btrfs' -exec chown -h {1}: {{}} +",
                      path, user, data_dir)};
}

std::unexpected<Error> Failed(std::string_view doing, const std::string& path) {
  return std::unexpected(
      base::OsError(errno, "BRANCH_DIRECTORY", fmt::format("{} {}", doing, path)));
}

// What `prism branch init` makes, beside its image.
bool IsOurs(std::string_view name) {
  return name == "branches" || name == "run" || name == "store";
}

// By steps that follow no link: the user may have been here before.
class OwnDirectory {
 public:
  static Result<OwnDirectory> Open(const std::string& path) {
    base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return Failed("opening", path);
    return OwnDirectory(std::move(fd), path);
  }

  // The directory in it, made when it is missing.
  Result<OwnDirectory> Enter(const std::string& name) const {
    const std::string path = path_ + "/" + name;
    if (::mkdirat(fd_.get(), name.c_str(), 0755) != 0 && errno != EEXIST) {
      return Failed("making", path);
    }
    base::UniqueFd fd(
        ::openat(fd_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return Failed("opening", path);
    return OwnDirectory(std::move(fd), path);
  }

  // Unless root has left something in it, or it is somebody else's too.
  Status GiveTo(branching::InstanceUser user, const std::string& name,
                const std::string& data_dir) const {
    struct stat own = {};
    if (::fstat(fd_.get(), &own) != 0) return Failed("looking at", path_);
    std::error_code failed;
    fs::directory_iterator entry(path_, failed);
    for (; !failed && entry != fs::directory_iterator(); entry.increment(failed)) {
      struct stat status = {};
      const std::string file = entry->path().filename().string();
      if (::fstatat(fd_.get(), file.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (!file.ends_with(".btrfs") && (status.st_uid == 0 || (own.st_uid == 0 && !IsOurs(file)))) {
        return std::unexpected(OwnerError(path_ + "/" + file, data_dir, name));
      }
    }
    if (own.st_uid != 0 || ::fchown(fd_.get(), user.uid, user.gid) == 0) return {};
    return Failed("giving away", path_);
  }

 private:
  OwnDirectory(base::UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  base::UniqueFd fd_;
  std::string path_;
};

}  // namespace

Status GiveDataDirectory(const std::string& data_dir, branching::InstanceUser user,
                         const std::string& name) {
  TRY_ASSIGN(const std::string whole, MakeBranchDirectory(data_dir));
  TRY_ASSIGN(const OwnDirectory data, OwnDirectory::Open(whole));
  TRY_ASSIGN(const OwnDirectory branches, data.Enter("branches"));
  TRY_ASSIGN(const OwnDirectory run, branches.Enter("run"));
  for (const OwnDirectory* each : {&run, &branches, &data}) {
    TRY(each->GiveTo(user, name, whole));
  }
  return {};
}

Status CheckDataDirectory(const std::string& data_dir, const std::string& user) {
  if (::faccessat(AT_FDCWD, data_dir.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) == 0) return {};
  return std::unexpected(
      Error(Code::kFailedPrecondition, "DATA_DIR_UNREACHABLE",
            fmt::format("{} can't work in {}: name a data directory that is his, below directories "
                        "that he may pass (--data-dir), or another user (--user)",
                        user, data_dir)));
}

}  // namespace prism::app

#include "branching/sources/managed_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include "base/base64.h"
#include "base/os_error.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "branching/scram/keys.h"

namespace prism::branching {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPasswordBytes = 18;  // 24 characters

std::unexpected<Error> Failed(int number, std::string_view what) {
  return std::unexpected(base::OsError(number, "MANAGED_DIRECTORY", what));
}

Error OfOther(const DataDirectory& directory, InstanceUser user) {
  return {Code::kFailedPrecondition, "SOURCE_OWNER",
          fmt::format("the data directory {} belongs to the user {}, and its server would run as "
                      "{}: change its owner, or name that user (branching.user)",
                      directory.path, directory.owner, user.uid)};
}

Error Standby(const DataDirectory& directory) {
  return {
      Code::kFailedPrecondition, "SOURCE_IS_STANDBY",
      fmt::format("the data directory {} is that of a standby: promote it first", directory.path)};
}

// Whole or not at all, and on disk.
Status WriteSecret(const std::string& file, const std::string& text) {
  const std::string fresh = file + ".new";
  const base::UniqueFd fd(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd || ::fchmod(fd.get(), 0600) != 0 ||
      ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fsync(fd.get()) != 0 || std::rename(fresh.c_str(), file.c_str()) != 0) {
    return Failed(errno, "writing " + file);
  }
  return {};
}

}  // namespace

Result<bool> IsToBeMade(const std::string& directory) {
  std::error_code failed;
  if (!fs::exists(directory, failed)) {
    return failed ? Failed(failed.value(), "looking at " + directory) : Result<bool>(true);
  }
  const bool empty = fs::is_empty(directory, failed);
  if (failed) return Failed(failed.value(), "looking into " + directory);
  return empty;
}

Result<std::string> MakeWorkDirectory(const std::string& directory, InstanceUser user) {
  std::string work = directory + ".prism-new";
  std::error_code failed;
  fs::remove_all(work, failed);
  if (!failed) fs::create_directories(fs::path(work).parent_path(), failed);
  if (failed) return Failed(failed.value(), "making " + work);
  if (::mkdir(work.c_str(), 0700) != 0 || ::chown(work.c_str(), user.uid, user.gid) != 0) {
    return Failed(errno, "making " + work);
  }
  return work;
}

Status GiveName(const std::string& work_directory, const std::string& directory) {
  // Over an empty directory, too.
  if (std::rename(work_directory.c_str(), directory.c_str()) == 0) return {};
  return Failed(errno, fmt::format("naming {} {} (when that is a mount point, name a directory in "
                                   "it)",
                                   work_directory, directory));
}

Result<DataDirectory> ReadManagedDirectory(const std::string& directory, InstanceUser user) {
  TRY_ASSIGN(DataDirectory found, ReadDataDirectory(directory));
  if (found.owner != user.uid) return std::unexpected(OfOther(found, user));
  if (found.standby) return std::unexpected(Standby(found));
  TRY(CheckLinks(found, directory));
  return found;
}

Result<std::string> KeepPassword(const std::string& file) {
  if (std::string known = ReadPassword(file); !known.empty()) return known;
  TRY_ASSIGN(const std::string random, RandomBytes(kPasswordBytes));
  std::string password = base::Base64Encode(random);
  TRY(WriteSecret(file, password + "\n"));
  return password;
}

std::string ReadPassword(const std::string& file) {
  std::ifstream text(file);
  std::string line;
  std::getline(text, line);
  return line;
}

}  // namespace prism::branching

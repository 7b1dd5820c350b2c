#include "branching/instances/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

#include "base/os_error.h"

namespace prism::branching {
namespace {

constexpr std::uint64_t kMaxLog = std::uint64_t{1} << 20;
constexpr std::size_t kLogTail = 4096;

// Anybody who can enter the socket's directory: that is us, and the server itself.
constexpr std::string_view kHba =
    "# Kept as it is by each start. The directory of the socket is the guard.\n"
    "local all all trust\n"
    "local replication all trust\n";
constexpr std::string_view kEmpty = "# Kept as it is by each start, empty on purpose.\n";

std::unexpected<Error> FileError(std::string_view what) {
  return std::unexpected(base::OsError(errno, "INSTANCE_FILES", what));
}

Status MakeDirectory(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return FileError("making " + path);
  // By hand, since the mode given to mkdir is cut by the umask.
  if (::chmod(path.c_str(), mode) != 0) return FileError("making " + path);
  return {};
}

std::string ReadFile(const std::string& path) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  std::array<char, 8192> text;
  const ssize_t got = fd ? ::read(fd.get(), text.data(), text.size()) : 0;
  return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
}

// Only when it says something else: ext4 writes a file that was cut and written again to the disk
// when it is closed, which takes milliseconds.
Status KeepFile(const std::string& path, std::string_view text) {
  if (ReadFile(path) == text) return {};
  const base::UniqueFd fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd || ::fchmod(fd.get(), 0644) != 0 ||
      ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return FileError("writing " + path);
  }
  return {};
}

Result<base::UniqueFd> Open(const std::string& path, int flags) {
  base::UniqueFd fd(::open(path.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return FileError("opening " + path);
  // Not where a standard stream or the fourth descriptor of a child goes.
  if (fd.get() > 3) return fd;
  base::UniqueFd lifted(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 4));
  if (!lifted) return FileError("opening " + path);
  return lifted;
}

}  // namespace

Status RunDirectory::Prepare(InstanceUser user) const {
  constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;
  // PostgreSQL makes a lock beside its socket; only the socket's own name is bounded.
  if (socket().size() > kMaxSocketPath) {
    return std::unexpected(
        Error(Code::kInvalidArgument, "RUN_DIRECTORY_TOO_LONG",
              fmt::format("the path of a socket has at most {} bytes, and {} has {}; choose a "
                          "shorter directory",
                          kMaxSocketPath, socket(), socket().size())));
  }
  // Entered by the server's user when there is no wall, listed by nobody but us.
  TRY(MakeDirectory(path_, 0711));
  TRY(MakeDirectory(server(), 0755));
  TRY(MakeDirectory(socket_directory(), 0700));
  if (::chown(socket_directory().c_str(), user.uid, user.gid) != 0) {
    return FileError("giving away " + socket_directory());
  }
  TRY(KeepFile(server() + "/pg_hba.conf", kHba));
  TRY(KeepFile(server() + "/pg_ident.conf", kEmpty));
  return KeepFile(server() + "/postgresql.conf", kEmpty);
}

Result<RunDirectory::Lock> RunDirectory::Acquire() const {
  Lock lock;
  TRY_ASSIGN(lock.record, Open(this->lock(), O_WRONLY | O_CREAT));
  TRY_ASSIGN(lock.held, Open(this->lock(), O_RDONLY));
  if (::flock(lock.held.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return FileError("locking " + this->lock());
    return std::unexpected(
        Error(Code::kFailedPrecondition, "INSTANCE_RUNNING",
              fmt::format("an instance runs in {}; adopt or stop it first", path_))
            .With("run_directory", path_));
  }
  // Not cut, as KeepFile says. Longer than any number, which is written over its beginning.
  constexpr std::string_view kNobody = "0               ";
  if (::pwrite(lock.record.get(), kNobody.data(), kNobody.size(), 0) !=
      static_cast<ssize_t>(kNobody.size())) {
    return FileError("clearing " + this->lock());
  }
  return lock;
}

Result<std::optional<pid_t>> RunDirectory::Holder() const {
  const base::UniqueFd fd(::open(lock().c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) return FileError("opening " + lock());
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) == 0) return std::nullopt;
  if (errno != EWOULDBLOCK) return FileError("looking at " + lock());
  std::array<char, 16> text;
  const ssize_t size = ::pread(fd.get(), text.data(), text.size(), 0);
  if (size < 0) return FileError("reading " + lock());
  pid_t pid = 0;  // and stays so while nothing is written
  std::from_chars(text.data(), text.data() + size, pid);
  return pid;
}

Status RunDirectory::RecordCgroup(const Cgroup& recorded) const {
  std::string text;
  for (const std::string& directory : recorded.directories()) text += directory + "\n";
  return KeepFile(cgroup(), text);
}

Cgroup RunDirectory::RecordedCgroup() const {
  const std::string text = ReadFile(cgroup());
  std::vector<std::string> directories;
  for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != text.npos; at = end + 1) {
    directories.push_back(text.substr(at, end - at));
  }
  return Cgroup(std::move(directories));
}

Result<base::UniqueFd> RunDirectory::OpenLog() const {
  struct stat status{};
  if (::stat(log().c_str(), &status) == 0 && static_cast<std::uint64_t>(status.st_size) > kMaxLog) {
    if (::rename(log().c_str(), (log() + ".1").c_str()) != 0) return FileError("rotating " + log());
  }
  return Open(log(), O_WRONLY | O_CREAT | O_APPEND);
}

Status RunDirectory::BoundLog() const {
  const base::UniqueFd fd(::open(log().c_str(), O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!fd && errno == ENOENT) return {};
  if (!fd || ::fstat(fd.get(), &status) != 0) return FileError("opening " + log());
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size <= kMostLog) return {};
  std::string kept(kKeptLog, '\0');
  const ssize_t got = ::pread(fd.get(), kept.data(), kept.size(), status.st_size - kKeptLog);
  if (got < 0) return FileError("reading " + log());
  kept.resize(static_cast<std::size_t>(got));
  // First, so that a full disk keeps nobody from making room.
  if (::ftruncate(fd.get(), 0) != 0) return FileError("emptying " + log());
  const std::string note =
      fmt::format("Prism: this log had {} bytes; the last of them are in log.1\n", size);
  (void)::write(fd.get(), note.data(), note.size());
  const std::string before = log() + ".1";
  TRY_ASSIGN(const base::UniqueFd old, Open(before, O_WRONLY | O_CREAT | O_TRUNC));
  if (::write(old.get(), kept.data(), kept.size()) != static_cast<ssize_t>(kept.size())) {
    return FileError("writing " + before);
  }
  return {};
}

std::string RunDirectory::LogTail(std::uint64_t from) const {
  const base::UniqueFd fd(::open(log().c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!fd || ::fstat(fd.get(), &status) != 0) return {};
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const std::uint64_t start = std::max(from, size - std::min<std::uint64_t>(size, kLogTail));
  std::string text(kLogTail, '\0');
  const ssize_t got = ::pread(fd.get(), text.data(), text.size(), static_cast<off_t>(start));
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  if (start > from) text.erase(0, text.find('\n') + 1);
  return text;
}

}  // namespace prism::branching

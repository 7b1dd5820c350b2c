#include "sqlite/data_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace prism::sqlite {
namespace {

Error Unusable(const std::string& path, std::string_view action, int number) {
  return Error(Code::kFailedPrecondition, "DATA_DIRECTORY_UNUSABLE",
               fmt::format("{}: can't {}: {}. Name a directory that the server's user may write "
                           "with --data-dir, or change the rights of this one.",
                           path, action, std::strerror(number)))
      .With("path", path);
}

Error Locked(const std::string& path, std::string_view owner) {
  const bool ours = owner == std::to_string(getpid());
  return Error(Code::kFailedPrecondition, "DATA_DIRECTORY_LOCKED",
               ours ? fmt::format("{}: in use by another backend of this server, process {}. Give "
                                  "each its own directory as its connection.",
                                  path, owner)
                    : fmt::format("{}: in use by another server, process {}. Stop that one, or "
                                  "name another directory with --data-dir.",
                                  path, owner))
      .With("path", path)
      .With("pid", std::string(owner));
}

Status SyncDirectory(const std::string& path) {
  const int directory = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return std::unexpected(Unusable(path, "open", errno));
  const int outcome = fsync(directory);
  const int number = errno;
  close(directory);
  if (outcome != 0) return std::unexpected(Unusable(path, "sync", number));
  return {};
}

std::string ParentOf(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

// mkdir -p, private, and durable.
Status MakeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0) return SyncDirectory(ParentOf(path));
  if (errno == ENOENT) {
    TRY(MakeDirectory(ParentOf(path)));
    if (mkdir(path.c_str(), 0700) == 0) return SyncDirectory(ParentOf(path));
  }
  if (errno != EEXIST) return std::unexpected(Unusable(path, "make the directory", errno));
  struct stat found = {};
  if (stat(path.c_str(), &found) != 0) return std::unexpected(Unusable(path, "look at it", errno));
  if (!S_ISDIR(found.st_mode)) return std::unexpected(Unusable(path, "use it", ENOTDIR));
  if (access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
    return std::unexpected(Unusable(path, "write in it", errno));
  }
  return {};
}

std::string ReadOwner(int lock) {
  std::array<char, 32> text = {};
  const ssize_t size = pread(lock, text.data(), text.size(), 0);
  std::string owner(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!owner.empty() && owner.back() == '\n') owner.pop_back();
  return owner.empty() ? "unknown" : owner;
}

Status WriteOwner(int lock, const std::string& file) {
  const std::string text = fmt::format("{}\n", getpid());
  if (ftruncate(lock, 0) != 0 ||
      pwrite(lock, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return std::unexpected(Unusable(file, "write the lock file", errno));
  }
  return {};
}

Error Unremovable(const std::string& file, std::string_view problem) {
  return Error(Code::kFailedPrecondition, "NAMESPACE_FILE_UNUSABLE",
               fmt::format("{}: can't remove it: {}. Give the server's user the right to write in "
                           "its directory, or remove what is in the way.",
                           file, problem))
      .With("path", file);
}

// "orders.db", "orders.db-wal": no other namespace has such a file, as no name has a dot.
bool IsFileOf(std::string_view file, std::string_view ns) {
  if (!file.starts_with(ns)) return false;
  const std::string_view rest = file.substr(ns.size());
  return rest == ".db" || rest.starts_with(".db-") || rest.starts_with(".db.");
}

}  // namespace

Result<DataDirectory> DataDirectory::Open(const std::string& path, std::string_view lock_name) {
  std::string directory = std::filesystem::path(path).lexically_normal().string();
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  TRY(MakeDirectory(directory));
  const std::string file = fmt::format("{}/{}", directory, lock_name);
  const int lock = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return std::unexpected(Unusable(file, "open the lock file", errno));
  DataDirectory opened(directory, lock);
  // flock, not fcntl: its lock belongs to this descriptor, so a second opening in one process is
  // refused too.
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return std::unexpected(Locked(directory, ReadOwner(lock)));
    return std::unexpected(Unusable(file, "lock the lock file", errno));
  }
  TRY(WriteOwner(lock, file));
  TRY(MakeDirectory(directory + "/namespaces"));
  return opened;
}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

DataDirectory::~DataDirectory() {
  // The file stays: removing it would let two servers lock two files of one name.
  if (lock_ >= 0) close(lock_);
}

std::string DataDirectory::NamespaceFile(std::string_view name) const {
  return fmt::format("{}/namespaces/{}.db", path_, name);
}

Status DataDirectory::RemoveNamespaceFiles(std::string_view name) const {
  namespace fs = std::filesystem;
  const std::string directory = path_ + "/namespaces";
  std::error_code failed;
  std::vector<fs::directory_entry> files;
  for (fs::directory_iterator it(directory, failed), end; !failed && it != end;
       it.increment(failed)) {
    if (IsFileOf(it->path().filename().native(), name)) files.push_back(*it);
  }
  if (failed) return std::unexpected(Unremovable(directory, failed.message()));
  for (const fs::directory_entry& file : files) {
    const fs::file_type type = file.symlink_status(failed).type();
    if (!failed && type != fs::file_type::regular) {
      return std::unexpected(Unremovable(file.path().native(), "it is no regular file"));
    }
    if (!failed) fs::remove(file.path(), failed);
    if (failed) return std::unexpected(Unremovable(file.path().native(), failed.message()));
  }
  return SyncDirectory(directory);
}

Status SyncParentDirectory(const std::string& file) { return SyncDirectory(ParentOf(file)); }

}  // namespace prism::sqlite

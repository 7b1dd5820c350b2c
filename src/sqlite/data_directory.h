// The directory in which one server keeps everything that lasts.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::sqlite {

// Owns the lock of the directory while it lives: two servers on one directory would damage it.
// Layout: `lock` (the process id of the owner), `namespaces/<name>.db`, and what its users keep
// beside them, such as the configuration, which has a lock of its own. Thread-safe once made.
class DataDirectory {
 public:
  // Makes what is missing, readable by the user alone, and takes the lock: `lock` names its file,
  // one for each kind of data that is opened by itself.
  // FAILED_PRECONDITION/DATA_DIRECTORY_LOCKED names the process that has it;
  // FAILED_PRECONDITION/DATA_DIRECTORY_UNUSABLE says what is wrong with the directory.
  static Result<DataDirectory> Open(const std::string& path, std::string_view lock = "lock");

  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&&) = delete;
  ~DataDirectory();

  const std::string& path() const { return path_; }
  std::string NamespaceFile(std::string_view name) const;
  // Removes the file of the namespace, which nobody has open, its log and whatever else begins with
  // its name, and makes that survive a loss of power. None is well. FAILED_PRECONDITION/
  // NAMESPACE_FILE_UNUSABLE: one of them can't be removed, or is a link or a directory, behind
  // which there is data that does not belong to this directory; what there was before may be gone.
  Status RemoveNamespaceFiles(std::string_view name) const;

 private:
  DataDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::string path_;
  int lock_ = -1;  // descriptor with flock held
};

// Makes the existence of a new file survive a loss of power.
Status SyncParentDirectory(const std::string& file);

}  // namespace prism::sqlite

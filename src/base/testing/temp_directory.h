// For tests: a directory that goes when the test ends.
#pragma once

#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

namespace prism::base::testing {

// Life cycle: the directory is there from the constructor, which throws when it can't be made, to
// the destructor. The name is short, so that unix sockets fit into it.
class TempDirectory {
 public:
  TempDirectory() : path_((std::filesystem::temp_directory_path() / "prism-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) {
      throw std::system_error(errno, std::system_category(), "mkdtemp " + path_);
    }
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  ~TempDirectory() {
    std::error_code ignored;  // a directory that stays behind fails no test
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace prism::base::testing

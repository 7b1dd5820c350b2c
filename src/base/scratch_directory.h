// A private place in the temporary directory, for work that needs files.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::base {

// Only its user may look into it. Life cycle: there from Make on, gone with the object.
class ScratchDirectory {
 public:
  // `name` begins its name. FAILED_PRECONDITION/TEMPORARY_DIRECTORY_UNUSABLE.
  static Result<ScratchDirectory> Make(std::string_view name);
  ScratchDirectory(ScratchDirectory&& other) noexcept;
  ScratchDirectory& operator=(ScratchDirectory&&) = delete;
  ~ScratchDirectory();

  const std::string& path() const { return path_; }
  std::string File(std::string_view name) const;

 private:
  explicit ScratchDirectory(std::string path);

  std::string path_;
};

}  // namespace prism::base

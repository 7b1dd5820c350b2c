#include "base/scratch_directory.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

namespace prism::base {

Result<ScratchDirectory> ScratchDirectory::Make(std::string_view name) {
  std::error_code failed;
  std::string path =
      (std::filesystem::temp_directory_path(failed) / fmt::format("{}-XXXXXX", name)).string();
  if (!failed && ::mkdtemp(path.data()) != nullptr) return ScratchDirectory(std::move(path));
  if (!failed) failed.assign(errno, std::system_category());
  return std::unexpected(
      Error(Code::kFailedPrecondition, "TEMPORARY_DIRECTORY_UNUSABLE",
            fmt::format("can't make the temporary directory {}: {}; let TMPDIR name a directory "
                        "that can be written to",
                        path, failed.message())));
}

ScratchDirectory::ScratchDirectory(std::string path) : path_(std::move(path)) {}

ScratchDirectory::ScratchDirectory(ScratchDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;  // nothing is lost when it stays
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

std::string ScratchDirectory::File(std::string_view name) const {
  return fmt::format("{}/{}", path_, name);
}

}  // namespace prism::base

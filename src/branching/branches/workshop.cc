#include "branching/branches/workshop.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "base/os_error.h"

namespace prism::branching {

std::string Workshop::RunDirectoryOf(std::string_view volume) const {
  return fmt::format("{}/{}", run_directory, volume);
}

Result<bool> Workshop::HasVolume(std::string_view volume) const {
  TRY_ASSIGN(const std::string path, storage.Path(volume));
  std::error_code failed;
  const bool there = std::filesystem::exists(path, failed);
  if (!failed) return there;
  return std::unexpected(
      base::OsError(failed.value(), "STORE_UNREADABLE", fmt::format("looking for {}", path)));
}

Status Workshop::MakeRunDirectories() const {
  std::error_code failed;
  std::filesystem::create_directories(run_directory, failed);
  if (!failed) return {};
  return std::unexpected(base::OsError(failed.value(), "RUN_DIRECTORY_MISSING",
                                       fmt::format("making {}", run_directory)));
}

Status Workshop::RemoveRunDirectory(std::string_view volume) const {
  const std::string path = RunDirectoryOf(volume);
  std::error_code failed;
  std::filesystem::remove_all(path, failed);
  if (!failed) return {};
  return std::unexpected(
      base::OsError(failed.value(), "RUN_DIRECTORY_STAYS", fmt::format("removing {}", path)));
}

}  // namespace prism::branching

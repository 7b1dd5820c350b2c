#include "branching/storage/make_btrfs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "base/unique_fd.h"
#include "branching/storage/store_error.h"

namespace prism::branching::internal {
namespace {

// Starts the program with no input and its output in `output`; 0 or errno.
int Start(const std::string& program, const std::string& file, int output, pid_t& child) {
  posix_spawn_file_actions_t actions = {};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  std::array<std::string, 7> words = {program,   "--quiet", "--metadata", "single",
                                      "--label", "prism",   file};
  std::array<char*, 8> argv = {};
  for (std::size_t i = 0; i < words.size(); ++i) argv.at(i) = words.at(i).data();
  const int failed =
      ::posix_spawnp(&child, program.c_str(), &actions, nullptr, argv.data(), ::environ);
  ::posix_spawn_file_actions_destroy(&actions);
  return failed;
}

}  // namespace

Status MakeBtrfs(const std::string& file) {
  const base::UniqueFd output(::memfd_create("mkfs.btrfs", MFD_CLOEXEC));
  if (!output) return std::unexpected(StoreError(errno, "make a file in memory"));
  pid_t child = 0;
  int failed = ENOENT;
  // Not in the PATH of everyone who is root.
  for (const std::string_view place : {"", "/usr/sbin/", "/sbin/"}) {
    if (failed == ENOENT) {
      failed = Start(fmt::format("{}mkfs.btrfs", place), file, output.get(), child);
    }
  }
  if (failed == ENOENT) {
    return std::unexpected(Error(Code::kFailedPrecondition, "STORE_NO_MKFS",
                                 "The program mkfs.btrfs is not there. Install the package "
                                 "btrfs-progs."));
  }
  if (failed != 0) return std::unexpected(StoreError(failed, "run mkfs.btrfs"));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return std::unexpected(StoreError(errno, "wait for mkfs.btrfs"));
  }
  if (status == 0) return {};
  std::array<char, 1024> said = {};
  const ssize_t size = ::pread(output.get(), said.data(), said.size(), 0);
  return std::unexpected(Error(
      Code::kFailedPrecondition, "STORE_MKFS",
      fmt::format("mkfs.btrfs {} failed with status {}: {}", file, status,
                  std::string_view(said.data(), size > 0 ? static_cast<std::size_t>(size) : 0))));
}

}  // namespace prism::branching::internal

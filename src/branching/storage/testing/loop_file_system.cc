#include "branching/storage/testing/loop_file_system.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

#include "base/os_error.h"
#include "branching/storage/loop_device.h"

namespace prism::branching::testing {
namespace {

std::unexpected<Error> Failed(const std::string& what) {
  return std::unexpected(
      base::OsError(errno, "TEST_SETUP",
                    fmt::format("{} (this test needs root, loop devices, btrfs and XFS)", what)));
}

Status MakeFileSystem(const std::string& type, const std::string& image) {
  std::string program = "mkfs." + type;
  std::string quiet = "-q";
  std::string file = image;
  const std::vector<char*> argv = {program.data(), quiet.data(), file.data(), nullptr};
  posix_spawn_file_actions_t actions = {};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int started =
      ::posix_spawnp(&child, program.c_str(), &actions, nullptr, argv.data(), ::environ);
  ::posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (started == 0 && ::waitpid(child, &status, 0) == child && status == 0) return {};
  return std::unexpected(Error(Code::kFailedPrecondition, "TEST_SETUP",
                               fmt::format("{} {}: error {}, status {}; the packages btrfs-progs "
                                           "and xfsprogs have it",
                                           program, image, started, status)));
}

}  // namespace

Status UseOwnMounts() {
  if (::unshare(CLONE_NEWNS) != 0) return Failed("unshare");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return Failed("mount");
  return {};
}

Result<std::unique_ptr<LoopFileSystem>> LoopFileSystem::Make(const std::string& type,
                                                             std::uint64_t megabytes) {
  std::unique_ptr<LoopFileSystem> made(new LoopFileSystem());
  const std::string image = made->directory_.File("image");
  std::error_code failed;
  // Tests may go on as other users.
  ::chmod(made->directory_.path().c_str(), 0711);
  std::ofstream(image).close();
  std::filesystem::resize_file(image, megabytes << 20, failed);
  if (failed) return std::unexpected(base::OsError(failed.value(), "TEST_SETUP", image));
  if (type != "zfs") TRY(MakeFileSystem(type, image));
  TRY_ASSIGN(const internal::LoopDevice device, internal::AttachLoop(image));
  std::filesystem::remove(image, failed);
  if (::mkdir(made->mount_point_.c_str(), 0755) != 0) return Failed(made->mount_point_);
  if (type == "zfs") {
    TRY_ASSIGN(made->daemon_, ZfsDaemon::Start(device.path, made->mount_point_));
    return made;
  }
  const char* const options = type == "btrfs" ? "user_subvol_rm_allowed" : "";
  if (::mount(device.path.c_str(), made->mount_point_.c_str(), type.c_str(), MS_NOATIME, options) !=
      0) {
    return Failed(fmt::format("mount {} as {}", device.path, type));
  }
  return made;
}

LoopFileSystem::~LoopFileSystem() { ::umount2(mount_point_.c_str(), MNT_DETACH); }

}  // namespace prism::branching::testing

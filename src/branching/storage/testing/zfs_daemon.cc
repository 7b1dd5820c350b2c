#include "branching/storage/testing/zfs_daemon.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "base/unique_fd.h"

namespace prism::branching::testing {
namespace {

constexpr const char* kPlaces = "/usr/sbin:/sbin:/usr/bin:/bin";
// Where it keeps its socket, its lock and what it knows of pools.
constexpr std::array kOwnDirectories = {"/run/zfs", "/run/lock/zfs", "/var/lib/zfs"};
constexpr const char* kHangs = "TEST_SETUP_HANGS";
constexpr const char* kSocket = "/run/zfs/zfs_socket";

std::unexpected<Error> Failed(const std::string& what) {
  return std::unexpected(
      Error(Code::kFailedPrecondition, "TEST_SETUP",
            fmt::format("{}: {} (this test needs root, FUSE and the package zfs-fuse)", what,
                        std::system_category().message(errno))));
}

Result<runtime::Spawned> Run(std::vector<std::string> argv, bool quiet) {
  const base::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  TRY_ASSIGN(std::string program, runtime::FindProgram(argv.front(), kPlaces));
  return runtime::Spawn(
      {.program = std::move(program),
       .argv = std::move(argv),
       .environment = {"LC_ALL=C", fmt::format("PATH={}", kPlaces)},
       .working_directory = "/",
       .standard_fds = {null.get(), null.get(), quiet ? null.get() : STDERR_FILENO}});
}

bool Answers() {
  const base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::string_view(kSocket).copy(address.sun_path, sizeof(address.sun_path) - 1);
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

// Until it answers, or has ended.
bool AwaitSocket(const runtime::Spawned& daemon) {
  constexpr int kPauseMs = 2;
  pollfd ended = {daemon.pidfd.get(), POLLIN, 0};
  while (!Answers()) {
    if (::poll(&ended, 1, kPauseMs) != 0) return false;
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<ZfsDaemon>> ZfsDaemon::Start(const std::string& device,
                                                    const std::string& mount_point) {
  constexpr int kAttempts = 3;
  for (int attempt = 1;; ++attempt) {
    TRY_ASSIGN(std::unique_ptr<ZfsDaemon> daemon, StartAlone());
    const Status made = daemon->MakePool(device, mount_point);
    if (made.has_value()) return daemon;
    if (attempt == kAttempts || made.error().reason() != kHangs) {
      return std::unexpected(made.error());
    }
    daemon.reset();
    ::umount2(mount_point.c_str(), MNT_DETACH);
  }
}

Result<std::unique_ptr<ZfsDaemon>> ZfsDaemon::StartAlone() {
  for (const char* const directory : kOwnDirectories) {
    std::error_code failed;
    std::filesystem::create_directories(directory, failed);
    if (::mount("none", directory, "tmpfs", 0, nullptr) != 0) return Failed(directory);
  }
  TRY_ASSIGN(runtime::Spawned started,
             Run({"zfs-fuse", "--no-daemon", "--no-kstat-mount", "--max-arc-size", "32"}, true));
  std::unique_ptr<ZfsDaemon> daemon(new ZfsDaemon(std::move(started)));
  if (!AwaitSocket(daemon->daemon_)) return Failed("zfs-fuse");
  return daemon;
}

// zfs-fuse listens before it can mount, and hands what it got to a thread by a variable that the
// next request overwrites: on a busy machine it loses a request now and then, and the program that
// sent it waits for good.
Status ZfsDaemon::MakePool(const std::string& device, const std::string& mount_point) {
  constexpr int kPatienceMs = 20'000;
  TRY_ASSIGN(const runtime::Spawned zpool,
             Run({"zpool", "create", "-f", "-o", "cachefile=none", "-O",
                  "mountpoint=" + mount_point, "prismtest", device},
                 false));
  pollfd ended = {zpool.pidfd.get(), POLLIN, 0};
  const bool hangs = ::poll(&ended, 1, kPatienceMs) == 0;
  if (hangs) {
    ::kill(daemon_.pid, SIGKILL);  // first: who waits for its file system can't be killed
    ::kill(zpool.pid, SIGKILL);
  }
  int status = 0;
  if (::waitpid(zpool.pid, &status, 0) == zpool.pid && status == 0) return {};
  if (!hangs) return Failed("zpool create");
  return std::unexpected(Error(Code::kUnavailable, kHangs, "zpool create: no answer of zfs-fuse"));
}

ZfsDaemon::~ZfsDaemon() {
  ::kill(daemon_.pid, SIGKILL);
  ::waitpid(daemon_.pid, nullptr, 0);
}

}  // namespace prism::branching::testing

#include "branching/instances/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/mount.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "branching/instances/data_directory.h"
#include "branching/instances/file_rights.h"

namespace prism::branching {
namespace {

namespace fs = std::filesystem;

// Where the new root is mounted before it becomes one: any directory that is always there. Only the
// child sees it.
constexpr const char* kNewRoot = "/tmp";
// Where the new root has the old one while it is filled.
constexpr const char* kOldRoot = "/.old";

// The steps, in their order; those of the mounts are numbered from kFirstMount.
enum Step : int {
  kRecord,
  kOomScore,
  kIdentityMap,
  kLoopback,
  kPrivateMounts,
  kRoot,
  kEnterRoot,
  kLeaveOldRoot,
  kProtectRoot,
  kLimits,
  kNoNewPrivileges,
  kUser,
  kCgroups,
  kFirstMount,
};

constexpr auto kStepTexts = std::to_array<const char*>({
    "recording its process number",
    "setting its out-of-memory score",
    "mapping its user into a user namespace",
    "bringing up its loopback interface",
    "making its mounts private",
    "mounting its root",
    "entering its root",
    "leaving the system's root",
    "making its root read-only",
    "setting its resource limits",
    "giving up the right to gain privileges",
    "changing to its user",
    "entering its cgroup",
});

// What programs of the system need from outside of /usr. Those that are not there are left out.
constexpr auto kSystemDirectories =
    std::to_array<const char*>({"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"});
constexpr auto kSystemFiles = std::to_array<const char*>(
    {"/etc/ld.so.cache", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/localtime"});
constexpr auto kDevices = std::to_array<const char*>(
    {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"});

// Killed before us when memory is short, and after what others have marked as expendable.
constexpr std::string_view kOomScoreAdjust = "500";
constexpr rlim_t kOpenFiles = 4096;

bool WriteFile(const char* path, std::string_view text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  ::close(fd);
  errno = error;
  return written;
}

// The number that the host knows us by, which getpid does not say in a namespace: /proc is still
// the host's.
bool RecordProcess(int fd) {
  if (fd < 0) return true;
  std::array<char, 16> number;
  const ssize_t size = ::readlink("/proc/self", number.data(), number.size());
  return size > 0 && ::pwrite(fd, number.data(), static_cast<std::size_t>(size), 0) == size;
}

bool RaiseLoopback() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", sizeof "lo");
  request.ifr_flags = IFF_UP;
  const bool raised = ::ioctl(fd, SIOCSIFFLAGS, &request) == 0;
  ::close(fd);
  return raised;
}

bool Protect(const char* path, unsigned flags, std::uint64_t attributes) {
  mount_attr attribute{};
  attribute.attr_set = attributes;
  return ::syscall(SYS_mount_setattr, AT_FDCWD, path, flags, &attribute, sizeof attribute) == 0;
}

bool Limit(__rlimit_resource resource, rlim_t most) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) return false;
  limit.rlim_max = std::min(limit.rlim_max, most);
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(resource, &limit) == 0;
}

// Not by libc, which would change all threads of the process whose memory this is.
bool BecomeUser(InstanceUser user) {
  return ::syscall(SYS_setgroups, 0, nullptr) == 0 &&
         ::syscall(SYS_setresgid, user.gid, user.gid, user.gid) == 0 &&
         ::syscall(SYS_setresuid, user.uid, user.uid, user.uid) == 0;
}

struct Wall {
  const char* name;
  bool Isolation::* member;
};
constexpr auto kWalls = std::to_array<Wall>({{"files", &Isolation::files},
                                             {"network", &Isolation::network},
                                             {"processes", &Isolation::processes}});

// Starts a program that does nothing behind these walls.
Status Try(const Isolation& isolation, InstanceUser user, int dumpable) {
  const Sandbox sandbox(isolation, user, {});
  TRY_ASSIGN(std::string program, runtime::FindProgram("true", "/usr/bin:/bin"));
  const base::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  TRY_ASSIGN(const runtime::Spawned spawned,
             runtime::Spawn({.program = program,
                             .argv = {program},
                             .environment = {},
                             .working_directory = "/",
                             .standard_fds = {null.get(), null.get(), null.get()},
                             .outlives_us = true,
                             .namespaces = sandbox.namespaces(),
                             .setup = &sandbox,
                             .dumpable = dumpable}));
  int status = 0;
  while (::waitpid(spawned.pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (status == 0) return {};
  return std::unexpected(
      Error(Code::kFailedPrecondition, "SANDBOX_UNUSABLE",
            fmt::format("{} ended with status {} behind the walls", program, status)));
}

}  // namespace

Sandbox::Sandbox(const Isolation& isolation, InstanceUser user, const SandboxPaths& paths,
                 SandboxRecords records, bool shows_memory)
    : user_(user), as_root_(::geteuid() == 0), isolation_(isolation), records_(std::move(records)) {
  if (isolation.files) namespaces_ |= CLONE_NEWNS;
  if (isolation.network) namespaces_ |= CLONE_NEWNET;
  if (isolation.processes) namespaces_ |= CLONE_NEWPID;
  if (isolation.processes && !shows_memory) namespaces_ |= CLONE_NEWIPC;
  if (namespaces_ != 0 && !as_root_) {
    namespaces_ |= CLONE_NEWUSER;
    uid_map_ = fmt::format("{0} {0} 1", user.uid);
    gid_map_ = fmt::format("{0} {0} 1", user.gid);
  }
  if (isolation.files) PlanMounts(paths);
}

void Sandbox::Add(Mount::Kind kind, std::string source, std::string_view target) {
  mounts_.push_back({kind, std::move(source), std::string(target)});
}

void Sandbox::AddDirectory(std::string_view path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string_view part = path.substr(0, end);
    const bool known =
        std::ranges::any_of(mounts_, [part](const Mount& mount) { return mount.target == part; });
    if (!known) Add(Mount::Kind::kDirectory, {}, part);
    if (end == std::string_view::npos) return;
  }
}

void Sandbox::AddBind(Mount::Kind kind, const std::string& path) {
  AddDirectory(path);
  Add(kind, kOldRoot + path, path);
}

void Sandbox::AddSystem() {
  std::error_code error;
  for (const char* path : kSystemDirectories) {
    const fs::file_status status = fs::symlink_status(path, error);
    if (fs::is_symlink(status)) {
      Add(Mount::Kind::kLink, fs::read_symlink(path, error), path);
    } else if (fs::is_directory(status)) {
      AddBind(Mount::Kind::kReadOnly, path);
    }
  }
  AddDirectory("/etc");
  for (const char* path : kSystemFiles) {
    if (!fs::exists(path, error)) continue;
    Add(Mount::Kind::kFile, {}, path);
    Add(Mount::Kind::kReadOnly, kOldRoot + std::string(path), path);
  }
  AddDirectory("/dev");
  for (const char* path : kDevices) {
    Add(Mount::Kind::kFile, {}, path);
    Add(Mount::Kind::kDevice, kOldRoot + std::string(path), path);
  }
  AddDirectory("/dev/shm");
  Add(Mount::Kind::kMemory, "mode=1777", "/dev/shm");
  AddDirectory("/tmp");
  Add(Mount::Kind::kMemory, "mode=1777,size=64m", "/tmp");
  AddDirectory("/proc");
  // Without processes of its own it would show those of the host, and their files with them.
  if (isolation_.processes) Add(Mount::Kind::kProcesses, {}, "/proc");
}

void Sandbox::PlanMounts(const SandboxPaths& paths) {
  AddSystem();
  for (const std::string& path : paths.read_only) {
    if (!IsBelow(path, "/usr")) AddBind(Mount::Kind::kReadOnly, path);
  }
  for (const std::string& path : paths.writable) AddBind(Mount::Kind::kWritable, path);
}

// With all that is mounted below.
bool Sandbox::Bind(const Mount& mount, std::uint64_t attributes) const noexcept {
  // The user shall be given nothing that he could not open.
  if (as_root_ && !TakeFileRights(user_)) return false;
  const char* target = mount.target.c_str();
  const bool bound = ::mount(mount.source.c_str(), target, nullptr, MS_BIND | MS_REC, nullptr) == 0;
  const int error = errno;
  if (as_root_) ReturnFileRights();
  errno = error;
  return bound && Protect(target, AT_RECURSIVE, attributes);
}

bool Sandbox::Apply(const Mount& mount) const noexcept {
  const char* target = mount.target.c_str();
  switch (mount.kind) {
    case Mount::Kind::kDirectory:
      return ::mkdir(target, 0755) == 0 || errno == EEXIST;
    case Mount::Kind::kFile: {
      const int fd = ::open(target, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
      if (fd >= 0) ::close(fd);
      return fd >= 0;
    }
    case Mount::Kind::kLink:
      return ::symlink(mount.source.c_str(), target) == 0;
    case Mount::Kind::kMemory:
      return ::mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, mount.source.c_str()) == 0;
    case Mount::Kind::kDevice:
      return Bind(mount, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    case Mount::Kind::kWritable:
      return Bind(mount, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    case Mount::Kind::kReadOnly:
      return Bind(mount, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    case Mount::Kind::kProcesses:
      // Refused inside of containers that hide parts of their own /proc: then there is none.
      return ::mount("proc", target, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0 ||
             errno == EPERM;
  }
  return false;
}

int Sandbox::EnterFiles() const noexcept {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return kPrivateMounts;
  if (::mount("tmpfs", kNewRoot, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m") != 0) {
    return kRoot;
  }
  if (::chdir(kNewRoot) != 0 || ::mkdir(kOldRoot + 1, 0700) != 0 ||
      ::syscall(SYS_pivot_root, ".", kOldRoot + 1) != 0 || ::chdir("/") != 0) {
    return kEnterRoot;
  }
  for (std::size_t i = 0; i < mounts_.size(); ++i) {
    if (!Apply(mounts_[i])) return kFirstMount + static_cast<int>(i);
  }
  if (::umount2(kOldRoot, MNT_DETACH) != 0 || ::rmdir(kOldRoot) != 0) return kLeaveOldRoot;
  return Protect("/", 0, MOUNT_ATTR_RDONLY) ? -1 : kProtectRoot;
}

// Not before it is the user: version 1 lets whoever has opened the file move processes of his own
// alone, unless he is root. Version 2 asks what he may do with the directories.
bool Sandbox::EnterCgroups() const noexcept {
  return std::ranges::all_of(records_.cgroups,
                             [](int members) { return ::write(members, "0", 1) == 1; });
}

int Sandbox::Run() const noexcept {
  // A process that has changed its user may not write what follows. The parent sets it back.
  if (!as_root_) ::prctl(PR_SET_DUMPABLE, 1);
  ::umask(022);
  if (!RecordProcess(records_.process)) return kRecord;
  if (!WriteFile("/proc/self/oom_score_adj", kOomScoreAdjust)) return kOomScore;
  if ((namespaces_ & CLONE_NEWUSER) != 0 &&
      (!WriteFile("/proc/self/setgroups", "deny") || !WriteFile("/proc/self/gid_map", gid_map_) ||
       !WriteFile("/proc/self/uid_map", uid_map_))) {
    return kIdentityMap;
  }
  if (isolation_.network && !RaiseLoopback()) return kLoopback;
  if (isolation_.files) {
    const int failed = EnterFiles();
    if (failed >= 0) return failed;
  }
  ::umask(077);
  if (!Limit(RLIMIT_CORE, 0) || !Limit(RLIMIT_NOFILE, kOpenFiles)) return kLimits;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return kNoNewPrivileges;
  if (as_root_ && !BecomeUser(user_)) return kUser;
  return EnterCgroups() ? -1 : kCgroups;
}

std::string Sandbox::Describe(int step) const {
  if (step < kFirstMount) {
    return fmt::format("starting a server: {}", kStepTexts[static_cast<std::size_t>(step)]);
  }
  return fmt::format("starting a server: giving it {}",
                     mounts_[static_cast<std::size_t>(step - kFirstMount)].target);
}

Isolation ProbeIsolation(InstanceUser user) {
  const int dumpable = ::prctl(PR_GET_DUMPABLE);
  Isolation all{.files = true, .network = true, .processes = true, .missing = {}};
  Status tried = Try(all, user, dumpable);
  if (tried) return all;

  Isolation found;
  for (const Wall& wall : kWalls) {
    Isolation alone;
    alone.*wall.member = true;
    tried = Try(alone, user, dumpable);
    if (tried) {
      found.*wall.member = true;
    } else {
      found.missing.push_back(fmt::format("{}: {}", wall.name, tried.error().message()));
    }
  }
  tried = Try(found, user, dumpable);
  if (tried) return found;
  return {.missing = {fmt::format("all: {}", tried.error().message())}};
}

}  // namespace prism::branching

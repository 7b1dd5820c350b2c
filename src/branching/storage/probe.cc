#include "branching/storage/probe.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/unique_fd.h"
#include "branching/storage/btrfs_driver.h"
#include "branching/storage/copy_driver.h"
#include "branching/storage/overlay_driver.h"
#include "branching/storage/overlay_probe.h"
#include "branching/storage/reflink_driver.h"
#include "branching/storage/store_error.h"
#include "branching/storage/subvolume.h"
#include "branching/storage/zfs_driver.h"

namespace prism::branching {
namespace {

std::unexpected<Error> Unsuitable(std::string message) {
  return std::unexpected(
      Error(Code::kFailedPrecondition, "STORE_DRIVER_UNSUITABLE", std::move(message)));
}

Status ProbeBtrfs(const std::string& directory) {
  struct statfs system = {};
  if (::statfs(directory.c_str(), &system) != 0) {
    return std::unexpected(internal::StoreError(errno, fmt::format("look at {}", directory)));
  }
  if (static_cast<unsigned long>(system.f_type) != BTRFS_SUPER_MAGIC) {
    return Unsuitable(fmt::format("{} is not on btrfs", directory));
  }
  // Always the same name: what a killed process has left goes now. Only if it is empty.
  const std::string probe = directory + "/.prism-probe";
  ::rmdir(probe.c_str());
  if (const int failed = internal::MakeSubvolume(probe)) {
    return std::unexpected(
        internal::StoreError(failed, fmt::format("make a subvolume in {}", directory)));
  }
  const int failed = internal::RemoveSubvolume(probe);
  if (failed == 0) return {};
  ::rmdir(probe.c_str());  // anyone may do that to an empty one of his
  return Unsuitable(fmt::format(
      "{} lets only root delete subvolumes at once: mount it with user_subvol_rm_allowed",
      directory));
}

Status ProbeReflink(const std::string& directory) {
  // Files without a name: nothing is left whatever happens.
  const base::UniqueFd from(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  const base::UniqueFd to(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  const std::array<char, 4096> block = {};
  if (from && to && ::write(from.get(), block.data(), block.size()) == ssize_t{block.size()} &&
      ::ioctl(to.get(), FICLONE, from.get()) == 0) {
    return {};
  }
  if (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOTTY || errno == EINVAL) {
    return Unsuitable(
        fmt::format("the file system of {} can't share blocks between files "
                    "(XFS made with reflink=1 and btrfs can)",
                    directory));
  }
  return std::unexpected(internal::StoreError(errno, fmt::format("clone a file in {}", directory)));
}

Status ProbeOverlay(const std::string& directory) {
  const Status tried = internal::TryOverlay(directory);
  if (tried) return {};
  if (tried.error().reason() == "STORE_DENIED" && ::geteuid() != 0) {
    return Unsuitable(fmt::format("only root can mount an overlayfs in {}", directory));
  }
  if (tried.error().reason() == "DISK_FULL") return tried;
  return Unsuitable(
      fmt::format("an overlayfs can't be mounted in {}: {}", directory, tried.error().message()));
}

Status ProbeCopy(const std::string& directory) {
  if (::access(directory.c_str(), W_OK | X_OK) == 0) return {};
  return std::unexpected(internal::StoreError(errno, fmt::format("write in {}", directory)));
}

struct DriverKind {
  std::unique_ptr<StorageDriver> (*make)(runtime::BlockingPool* helpers);
  Status (*probe)(const std::string& directory);
};

// The best one first.
constexpr std::array kKinds = {
    DriverKind{[](runtime::BlockingPool*) -> std::unique_ptr<StorageDriver> {
                 return std::make_unique<BtrfsDriver>();
               },
               ProbeBtrfs},
    DriverKind{[](runtime::BlockingPool*) -> std::unique_ptr<StorageDriver> {
                 return std::make_unique<ZfsDriver>();
               },
               internal::TryZfs},
    DriverKind{[](runtime::BlockingPool* helpers) -> std::unique_ptr<StorageDriver> {
                 return std::make_unique<ReflinkDriver>(helpers);
               },
               ProbeReflink},
    DriverKind{[](runtime::BlockingPool*) -> std::unique_ptr<StorageDriver> {
                 return std::make_unique<OverlayDriver>();
               },
               ProbeOverlay},
    DriverKind{[](runtime::BlockingPool*) -> std::unique_ptr<StorageDriver> {
                 return std::make_unique<CopyDriver>();
               },
               ProbeCopy},
};

}  // namespace

std::vector<DriverProbe> ProbeDrivers(const std::string& directory) {
  std::vector<DriverProbe> probes;
  for (const DriverKind& kind : kKinds) {
    const Status usable = kind.probe(directory);
    probes.push_back({kind.make(nullptr)->traits(),
                      usable ? std::nullopt : std::optional<Error>(usable.error())});
  }
  return probes;
}

Result<std::unique_ptr<StorageDriver>> MakeDriver(std::string_view name,
                                                  runtime::BlockingPool* helpers) {
  std::string names;
  for (const DriverKind& kind : kKinds) {
    auto driver = kind.make(helpers);
    if (driver->traits().name == name) return driver;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", driver->traits().name);
  }
  return std::unexpected(
      Error(Code::kInvalidArgument, "STORE_DRIVER_UNKNOWN",
            fmt::format("There is no storage driver {}; there are {}.", name, names)));
}

}  // namespace prism::branching

#include "branching/storage/loop_device.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/loop.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "branching/storage/store_error.h"

namespace prism::branching::internal {

Result<LoopDevice> AttachLoop(const std::string& file) {
  const base::UniqueFd backing(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  if (!backing) return std::unexpected(StoreError(errno, fmt::format("open {}", file)));
  const base::UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (!control) return std::unexpected(StoreError(errno, "open /dev/loop-control"));
  // Others may take the free device first.
  constexpr int kTries = 64;
  for (int i = 0; i < kTries; ++i) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return std::unexpected(StoreError(errno, "find a free loop device"));
    LoopDevice device{fmt::format("/dev/loop{}", number), {}};
    device.fd.reset(::open(device.path.c_str(), O_RDWR | O_CLOEXEC));
    if (!device.fd && errno != ENXIO) {
      return std::unexpected(StoreError(errno, fmt::format("open {}", device.path)));
    }
    loop_config config = {};
    config.fd = static_cast<__u32>(backing.get());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO;
    if (device.fd && ::ioctl(device.fd.get(), LOOP_CONFIGURE, &config) == 0) return device;
    if (device.fd && errno != EBUSY) {
      return std::unexpected(StoreError(errno, fmt::format("attach {} to {}", file, device.path)));
    }
  }
  return std::unexpected(Error(Code::kResourceExhausted, "STORE_NO_LOOP_DEVICE",
                               "Other programs took each loop device that was free. Try again."));
}

Result<std::optional<std::string>> FindLoop(const struct stat& file) {
  std::error_code failed;
  std::filesystem::directory_iterator entry("/sys/block", failed);
  for (; !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    // Anyone may read it, other than the device. Not there: not attached.
    std::ifstream attribute(entry->path() / "loop" / "backing_file");
    std::string backing;
    struct stat status = {};
    if (std::getline(attribute, backing) && ::stat(backing.c_str(), &status) == 0 &&
        status.st_dev == file.st_dev && status.st_ino == file.st_ino) {
      return "/dev/" + name;
    }
  }
  if (failed) return std::unexpected(StoreError(failed.value(), "read /sys/block"));
  return std::nullopt;
}

int TakeFileSize(const LoopDevice& device) {
  return ::ioctl(device.fd.get(), LOOP_SET_CAPACITY, 0) == 0 ? 0 : errno;
}

Result<LoopDevice> FindOrAttachLoop(const std::string& file) {
  struct stat status = {};
  if (::stat(file.c_str(), &status) != 0) {
    return std::unexpected(StoreError(errno, fmt::format("look at {}", file)));
  }
  // A device that its last user has left takes a moment to go, and there is no event for it.
  constexpr int kTries = 5000;  // of a millisecond
  for (int i = 0; i < kTries; ++i) {
    TRY_ASSIGN(const std::optional<std::string> path, FindLoop(status));
    if (!path) return AttachLoop(file);
    LoopDevice device{*path, base::UniqueFd(::open(path->c_str(), O_RDWR | O_CLOEXEC))};
    // While it is open it stays; it may have gone before.
    TRY_ASSIGN(const std::optional<std::string> still, FindLoop(status));
    if (device.fd && still == path) return device;
    ::poll(nullptr, 0, 1);
  }
  return std::unexpected(Error(Code::kUnavailable, "STORE_LOOP_DEVICE_BUSY",
                               fmt::format("The loop device of {} is going away. Try again; "
                                           "`losetup -j {}` shows it.",
                                           file, file)));
}

}  // namespace prism::branching::internal

#include "sqlite/disk_guard.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "sqlite/error.h"

namespace prism::sqlite {

Result<DiskSpace> SystemDiskProbe::Measure(const std::string& directory) {
  struct statvfs figures = {};
  if (statvfs(directory.c_str(), &figures) != 0) {
    return std::unexpected(
        Error(Code::kUnavailable, "STORE_IO_ERROR",
              fmt::format("{}: can't ask for free space: {}.", directory, std::strerror(errno))));
  }
  const auto unit = static_cast<std::uint64_t>(figures.f_frsize);
  return DiskSpace{.total_bytes = figures.f_blocks * unit,
                   .available_bytes = figures.f_bavail * unit};
}

DiskGuard::DiskGuard(std::string directory, DiskProbe& probe, MonoNanos interval)
    : directory_(std::move(directory)), probe_(probe), interval_(interval) {}

Status DiskGuard::Check() {
  const MonoNanos now = MonotonicNow();
  MonoNanos next = next_.load();
  if (now >= next && next_.compare_exchange_strong(next, now + interval_)) {
    TRY_ASSIGN(const DiskSpace space, probe_.Measure(directory_));
    full_.store(space.available_bytes < space.total_bytes / 100 * kReservePercent);
  }
  if (full_.load()) return std::unexpected(DiskReserveError(directory_, kReservePercent));
  return {};
}

}  // namespace prism::sqlite

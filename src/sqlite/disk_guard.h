// Keeps the last part of a disk free: nearly full means read-only, before SQLite or others get
// hurt.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/status.h"

namespace prism::sqlite {

struct DiskSpace {
  std::uint64_t total_bytes = 0;
  std::uint64_t available_bytes = 0;  // to this user
};

// Where the figures come from. Thread-safe.
class DiskProbe {
 public:
  virtual ~DiskProbe() = default;
  virtual Result<DiskSpace> Measure(const std::string& directory) = 0;
};

// statvfs(3).
class SystemDiskProbe final : public DiskProbe {
 public:
  Result<DiskSpace> Measure(const std::string& directory) override;
};

// Thread-safe; asks the probe at most once a second, on the thread that calls Check.
class DiskGuard {
 public:
  static constexpr int kReservePercent = 5;

  // The probe must outlive the guard.
  DiskGuard(std::string directory, DiskProbe& probe, MonoNanos interval = kNanosPerSecond);

  // RESOURCE_EXHAUSTED/DISK_FULL when less than the reserve is free.
  Status Check();

 private:
  const std::string directory_;
  DiskProbe& probe_;
  const MonoNanos interval_;
  std::atomic<MonoNanos> next_ = 0;
  std::atomic<bool> full_ = false;
};

}  // namespace prism::sqlite

#pragma once

#include "branching/storage/driver.h"

namespace prism::runtime {
class BlockingPool;
}

namespace prism::branching {

// Volumes are plain directories whose files share blocks (FICLONE): XFS, and btrfs without
// subvolumes. A clone costs some 40 us a file, and more for files of many extents.
class ReflinkDriver final : public StorageDriver {
 public:
  // Idle threads of `helpers` (may be null, must outlive the driver) help to clone.
  explicit ReflinkDriver(runtime::BlockingPool* helpers) : helpers_(helpers) {}

  const StorageTraits& traits() const override;
  Status Import(const std::string& from, const std::string& to, const VolumeOwner& owner,
                const TransferWatch& watch) override;
  Status Clone(const std::string& from, const std::string& to, const TransferWatch& watch) override;
  Status CloneStill(const std::string& from, const std::string& to, const StillSource& still,
                    const TransferWatch& watch) override;
  Status Freeze(const std::string& volume) override;
  Status Destroy(const std::string& volume) override;
  Result<VolumeUsage> Measure(const std::string& volume) override;

 private:
  runtime::BlockingPool* const helpers_;
};

}  // namespace prism::branching

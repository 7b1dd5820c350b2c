#pragma once

#include "branching/storage/driver.h"

namespace prism::branching {

// Volumes are subvolumes, clones snapshots of them: 2 to 3 ms at any size, atomic. By ioctl, as any
// user who owns the volumes.
class BtrfsDriver final : public StorageDriver {
 public:
  const StorageTraits& traits() const override;
  Status Import(const std::string& from, const std::string& to, const VolumeOwner& owner,
                const TransferWatch& watch) override;
  Status Clone(const std::string& from, const std::string& to, const TransferWatch& watch) override;
  Status CloneStill(const std::string& from, const std::string& to, const StillSource& still,
                    const TransferWatch& watch) override;
  Status Freeze(const std::string& volume) override;
  Status Destroy(const std::string& volume) override;
  Result<VolumeUsage> Measure(const std::string& volume) override;
};

}  // namespace prism::branching

#pragma once

#include "branching/storage/driver.h"

namespace prism::branching {

// Volumes are mounts of overlayfs: a clone of a frozen volume has the layers of that one below its
// own, and copies a file up when it is first opened for writing. For ext4 and the like; needs root.
class OverlayDriver final : public StorageDriver {
 public:
  const StorageTraits& traits() const override;
  Status Import(const std::string& from, const std::string& to, const VolumeOwner& owner,
                const TransferWatch& watch) override;
  std::string FilesOf(const std::string& volume) const override;
  Status Mount(const std::string& volume) override;
  // Of a volume that is not frozen, or has too many layers: a full copy.
  Status Clone(const std::string& from, const std::string& to, const TransferWatch& watch) override;
  // FAILED_PRECONDITION/STORE_BUSY while somebody has a file of it open.
  Status Freeze(const std::string& volume) override;
  Status Destroy(const std::string& volume) override;
  Result<VolumeUsage> Measure(const std::string& volume) override;
};

}  // namespace prism::branching

#pragma once

#include "branching/storage/driver.h"

namespace prism::branching {

// Volumes are datasets of ZFS, clones are clones of their snapshots: tens of milliseconds at any
// size, atomic. By the program `zfs`, as root.
//
// A volume is a directory `volumes/<ID>`: `dataset` names the dataset, and on `data` it is mounted.
// Datasets lie in `prism-volumes` of the dataset that the store is on. They are called what they
// are called, however the volume is renamed, and so are the snapshots that are made for them.
class ZfsDriver final : public StorageDriver {
 public:
  const StorageTraits& traits() const override;
  Status Import(const std::string& from, const std::string& to, const VolumeOwner& owner,
                const TransferWatch& watch) override;
  std::string FilesOf(const std::string& volume) const override;
  Status Mount(const std::string& volume) override;
  Status Clone(const std::string& from, const std::string& to, const TransferWatch& watch) override;
  // The source stands still while the snapshot is made.
  Status CloneStill(const std::string& from, const std::string& to, const StillSource& still,
                    const TransferWatch& watch) override;
  Status Freeze(const std::string& volume) override;
  // FAILED_PRECONDITION/STORE_BUSY while somebody has a file of it open.
  Status Destroy(const std::string& volume) override;
  // As of some seconds ago. What a volume has of its own is not less than this when others are made
  // of it.
  Result<VolumeUsage> Measure(const std::string& volume) override;
};

namespace internal {

// Whether volumes can be made in the directory; changes nothing.
// FAILED_PRECONDITION/STORE_DRIVER_UNSUITABLE.
Status TryZfs(const std::string& directory);

}  // namespace internal

}  // namespace prism::branching

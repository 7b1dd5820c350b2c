#pragma once

#include "branching/storage/driver.h"

namespace prism::branching {

// Volumes are plain directories, clones full copies: on any file system, at the price of all bytes.
class CopyDriver final : public StorageDriver {
 public:
  const StorageTraits& traits() const override;
  Status Import(const std::string& from, const std::string& to, const VolumeOwner& owner,
                const TransferWatch& watch) override;
  Status Clone(const std::string& from, const std::string& to, const TransferWatch& watch) override;
  Status Freeze(const std::string& volume) override;
  Status Destroy(const std::string& volume) override;
  Result<VolumeUsage> Measure(const std::string& volume) override;
};

}  // namespace prism::branching

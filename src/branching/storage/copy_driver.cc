#include "branching/storage/copy_driver.h"

#include "branching/storage/tree.h"

namespace prism::branching {

const StorageTraits& CopyDriver::traits() const {
  static constexpr StorageTraits kTraits = {
      .name = "copy",
      .layout = "trees",
      .atomic_over_running_source = false,
      .quick_over_still_source = false,
      .shares_blocks = false,
      .shares_whole_files = false,
      .enforces_frozen = false,
      .cost =
          "each branch is a FULL COPY: it takes the time and the disk space of the whole "
          "database; `prism branch init` makes a store where it takes milliseconds",
  };
  return kTraits;
}

Status CopyDriver::Import(const std::string& from, const std::string& to, const VolumeOwner& owner,
                          const TransferWatch& watch) {
  return internal::ImportTree(from, to, internal::FileMethod::kCopy, owner, watch);
}

Status CopyDriver::Clone(const std::string& from, const std::string& to,
                         const TransferWatch& watch) {
  TRY(internal::MakeDirectory(to));
  TRY_ASSIGN(const internal::Tree tree, internal::ReadTree(from));
  return internal::CopyTree(tree, to, {.method = internal::FileMethod::kCopy, .watch = watch});
}

Status CopyDriver::Freeze(const std::string& volume) { return internal::SyncFileSystem(volume); }

Status CopyDriver::Destroy(const std::string& volume) { return internal::RemoveTree(volume); }

Result<VolumeUsage> CopyDriver::Measure(const std::string& volume) {
  return internal::MeasureTree(volume);
}

}  // namespace prism::branching

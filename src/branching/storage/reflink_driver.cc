#include "branching/storage/reflink_driver.h"

#include "branching/storage/staged_copy.h"
#include "branching/storage/tree.h"

namespace prism::branching {

const StorageTraits& ReflinkDriver::traits() const {
  static constexpr StorageTraits kTraits = {
      .name = "reflink",
      .layout = "trees",
      .atomic_over_running_source = false,
      .quick_over_still_source = true,
      .shares_blocks = true,
      .shares_whole_files = false,
      .enforces_frozen = false,
      .cost =
          "each branch takes tens of milliseconds for a thousand files, and disk space for "
          "what it changes",
  };
  return kTraits;
}

Status ReflinkDriver::Import(const std::string& from, const std::string& to,
                             const VolumeOwner& owner, const TransferWatch& watch) {
  return internal::ImportTree(from, to, internal::FileMethod::kCloneOrCopy, owner, watch);
}

Status ReflinkDriver::Clone(const std::string& from, const std::string& to,
                            const TransferWatch& watch) {
  TRY(internal::MakeDirectory(to));
  TRY_ASSIGN(const internal::Tree tree, internal::ReadTree(from));
  return internal::CopyTree(
      tree, to, {.method = internal::FileMethod::kClone, .watch = watch, .helpers = helpers_});
}

// Most of it while it is in use, the rest while it is not.
Status ReflinkDriver::CloneStill(const std::string& from, const std::string& to,
                                 const StillSource& still, const TransferWatch& watch) {
  TRY(internal::MakeDirectory(to));
  internal::StagedCopy copy(
      from, to, {.method = internal::FileMethod::kClone, .watch = watch, .helpers = helpers_});
  TRY(copy.Begin());
  return still([&copy] { return copy.Finish(); });
}

Status ReflinkDriver::Freeze(const std::string& volume) { return internal::SyncFileSystem(volume); }

Status ReflinkDriver::Destroy(const std::string& volume) { return internal::RemoveTree(volume); }

Result<VolumeUsage> ReflinkDriver::Measure(const std::string& volume) {
  return internal::MeasureTree(volume);
}

}  // namespace prism::branching

#include "branching/storage/btrfs_driver.h"

#include <fmt/format.h>

#include <cerrno>
#include <optional>

#include "branching/storage/store_error.h"
#include "branching/storage/subvolume.h"
#include "branching/storage/tree.h"

namespace prism::branching {
namespace {

using internal::StoreError;

// Into a subvolume of its own, what can't be had by a snapshot.
Status CopyIn(const internal::Tree& tree, const std::string& to,
              const std::optional<VolumeOwner>& owner, const TransferWatch& watch) {
  if (const int failed = internal::MakeSubvolume(to)) {
    return std::unexpected(StoreError(failed, fmt::format("make the subvolume {}", to)));
  }
  return internal::CopyTree(
      tree, to, {.method = internal::FileMethod::kCloneOrCopy, .owner = owner, .watch = watch});
}

}  // namespace

const StorageTraits& BtrfsDriver::traits() const {
  static constexpr StorageTraits kTraits = {
      .name = "btrfs",
      .layout = "trees",
      .atomic_over_running_source = true,
      .quick_over_still_source = true,
      .shares_blocks = true,
      .shares_whole_files = false,
      .enforces_frozen = true,
      .cost =
          "each branch takes a few milliseconds at any size, of a running database too, and "
          "disk space for what it changes",
  };
  return kTraits;
}

Status BtrfsDriver::Import(const std::string& from, const std::string& to, const VolumeOwner& owner,
                           const TransferWatch& watch) {
  TRY_ASSIGN(const internal::Tree tree, internal::ReadTree(from));
  TRY(internal::CheckPortable(tree));
  // Refused for a subvolume of another file system or user: all that may be read can be copied.
  if (internal::IsSubvolume(from) && internal::SnapshotSubvolume(from, to) == 0) {
    TRY(internal::ChownTree(tree, to, owner));
  } else {
    TRY(CopyIn(tree, to, owner, watch));
  }
  TRY(internal::HideFromOthers(to));
  return internal::SyncFileSystem(to);
}

Status BtrfsDriver::Clone(const std::string& from, const std::string& to,
                          const TransferWatch& watch) {
  if (!internal::IsSubvolume(from)) {  // made by another driver
    TRY_ASSIGN(const internal::Tree tree, internal::ReadTree(from));
    return CopyIn(tree, to, std::nullopt, watch);
  }
  TRY(internal::CheckNoneInside(from));
  if (const int failed = internal::SnapshotSubvolume(from, to)) {
    return std::unexpected(StoreError(failed, fmt::format("make a snapshot of {}", from)));
  }
  return {};
}

// A snapshot writes to disk what was changed: most of it before the moment of stillness.
Status BtrfsDriver::CloneStill(const std::string& from, const std::string& to,
                               const StillSource& still, const TransferWatch& watch) {
  TRY_ASSIGN(const internal::Tree tree, internal::ReadTree(from));
  TRY(internal::FlushTree(tree));
  return still([&] { return Clone(from, to, watch); });
}

Status BtrfsDriver::Freeze(const std::string& volume) {
  TRY(internal::SyncFileSystem(volume));
  if (!internal::IsSubvolume(volume)) return {};  // made by another driver
  if (const int failed = internal::MakeSubvolumeReadOnly(volume)) {
    return std::unexpected(StoreError(failed, fmt::format("make {} read-only", volume)));
  }
  return {};
}

Status BtrfsDriver::Destroy(const std::string& volume) {
  if (!internal::IsSubvolume(volume)) return internal::RemoveTree(volume);
  const int failed = internal::RemoveSubvolume(volume);
  if (failed == 0) return {};
  // Others inside it, or no right to remove one at once: file by file it can be done.
  if (failed == ENOTEMPTY || failed == EPERM) return internal::RemoveTree(volume);
  return std::unexpected(StoreError(failed, fmt::format("remove the subvolume {}", volume)));
}

Result<VolumeUsage> BtrfsDriver::Measure(const std::string& volume) {
  return internal::MeasureTree(volume);
}

}  // namespace prism::branching

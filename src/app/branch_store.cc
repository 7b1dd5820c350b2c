#include "app/branch_store.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "app/unprivileged.h"
#include "base/os_error.h"
#include "branching/privileged/helped_driver.h"
#include "branching/storage/btrfs_image.h"
#include "branching/storage/probe.h"

namespace prism::app {

namespace {

using branching::BtrfsImage;

// What an image leaves to others of the disk: its file is sparse and grows.
constexpr std::uint64_t kSparedBytes = std::uint64_t{1} << 30;

// `taken`: what it has of the disk already.
std::uint64_t ImageBytes(const std::string& directory, std::uint64_t wanted,
                         std::uint64_t taken = 0) {
  std::error_code failed;
  const auto space = std::filesystem::space(directory, failed);
  const std::uint64_t available = space.available + taken;
  if (failed || available < BtrfsImage::kMinimumBytes + kSparedBytes) return wanted;
  return std::min<std::uint64_t>(wanted, available - kSparedBytes);
}

// The name of the best driver of the directory that can use the volumes which are there.
Result<std::string> BestDriver(const std::string& directory) {
  TRY_ASSIGN(const std::optional<std::string> layout, branching::Storage::LayoutOf(directory));
  for (const branching::DriverProbe& probe : branching::ProbeDrivers(directory)) {
    const bool fits = !layout || *layout == probe.traits.layout;
    if (fits && !probe.refused) return std::string(probe.traits.name);
  }
  return "copy";
}

bool Exists(const std::string& path) {
  std::error_code failed;
  return std::filesystem::exists(path, failed);
}

// An image can be mounted there.
bool IsFree(const std::string& path) {
  std::error_code failed;
  return !std::filesystem::exists(path, failed) ||
         (std::filesystem::is_directory(path, failed) && std::filesystem::is_empty(path, failed));
}

Error DirectoryError(std::error_code failed, std::string_view doing, const std::string& path) {
  return base::OsError(failed.value(), "BRANCH_DIRECTORY", fmt::format("{} {}", doing, path));
}

}  // namespace

Result<std::string> MakeBranchDirectory(const std::string& path) {
  std::error_code failed;
  const std::filesystem::path absolute = std::filesystem::absolute(path, failed);
  if (!failed) std::filesystem::create_directories(absolute, failed);
  if (!failed) {
    std::string made = std::filesystem::canonical(absolute, failed).string();
    if (!failed) return made;
  }
  return std::unexpected(DirectoryError(failed, "making", path));
}

Result<BranchStore> PrepareBranchStore(const std::string& path, std::uint64_t image_bytes,
                                       const branching::VolumeOwner& owner) {
  const std::filesystem::path wanted(path);
  TRY_ASSIGN(const std::string parent, MakeBranchDirectory(wanted.parent_path().string()));
  BranchStore store{.path = parent + "/" + wanted.filename().string()};
  const BtrfsImage image{.file = store.path + ".btrfs",
                         .mount_point = store.path,
                         .bytes = ImageBytes(parent, image_bytes),
                         .owner = owner};
  // Without it the branches that there are would seem to be gone.
  if (Exists(image.file)) {
    TRY(branching::MountBtrfsImage(image));
    store.image = image.file;
  }
  TRY_ASSIGN(store.driver, BestDriver(Exists(store.path) ? store.path : parent));
  // btrfs shares parts of files, and can clone what runs.
  const bool better = store.driver == "copy" || store.driver == "overlay";
  if (!better || !IsFree(store.path)) return store;
  if (Status mounted = branching::MountBtrfsImage(image); mounted) {
    store.image = image.file;
    TRY_ASSIGN(store.driver, BestDriver(store.path));
  } else {
    store.no_image = std::move(mounted).error();
  }
  return store;
}

Result<std::optional<std::uint64_t>> GrowBranchStore(const BranchStore& store, std::uint64_t bytes,
                                                     const branching::VolumeOwner& owner) {
  if (store.image.empty()) return std::nullopt;
  const auto look = [&store]() -> Result<struct stat> {
    struct stat status = {};
    if (::stat(store.image.c_str(), &status) == 0) return status;
    return std::unexpected(base::OsError(errno, "BRANCH_DIRECTORY", "reading " + store.image));
  };
  TRY_ASSIGN(const struct stat before, look());
  constexpr std::uint64_t kBlock = 512;  // stat(2): st_blocks
  const std::string parent = std::filesystem::path(store.image).parent_path().string();
  const std::uint64_t taken = static_cast<std::uint64_t>(before.st_blocks) * kBlock;
  TRY(branching::GrowBtrfsImage({.file = store.image,
                                 .mount_point = store.path,
                                 .bytes = ImageBytes(parent, bytes, taken),
                                 .owner = owner}));
  TRY_ASSIGN(const struct stat after, look());
  return static_cast<std::uint64_t>(after.st_size);
}

Result<BranchStore> FindBranchStore(const std::string& path, const branching::VolumeOwner& owner) {
  if (!Exists(path)) return BranchStore{.path = {}};
  std::error_code failed;
  BranchStore store{.path = std::filesystem::canonical(path, failed).string()};
  if (failed) return std::unexpected(DirectoryError(failed, "reading", path));
  const BtrfsImage image{
      .file = store.path + ".btrfs", .mount_point = store.path, .bytes = 0, .owner = owner};
  if (Exists(image.file)) {
    TRY_ASSIGN(const bool mounted, branching::IsBtrfsImageMounted(image));
    if (!mounted) {
      return std::unexpected(
          Error(Code::kFailedPrecondition, "STORE_NOT_MOUNTED",
                fmt::format("{} is not mounted at {}: run `prism branch init` as root", image.file,
                            store.path)));
    }
    store.image = image.file;
  }
  TRY_ASSIGN(store.driver, BestDriver(store.path));
  return store;
}

namespace {

Result<std::unique_ptr<branching::StorageDriver>> MakeStoreDriver(
    const BranchStore& store, runtime::BlockingPool* helpers, const Unprivileged* unprivileged) {
  if (unprivileged == nullptr) return branching::MakeDriver(store.driver, helpers);
  return branching::MakeHelpedDriver(store.driver, *unprivileged->helper, store.path + "/volumes",
                                     helpers);
}

}  // namespace

Result<std::unique_ptr<branching::Storage>> OpenBranchStore(const BranchingSettings& settings,
                                                            const branching::VolumeOwner& owner,
                                                            runtime::BlockingPool* helpers,
                                                            const Unprivileged* unprivileged,
                                                            telemetry::Logger& log) {
  const auto prepare = [&]() -> Result<BranchStore> {
    if (unprivileged != nullptr) return unprivileged->store;
    return PrepareBranchStore(settings.storage_path, settings.storage_size, owner);
  };
  TRY_ASSIGN(const BranchStore store, prepare());
  if (store.no_image && (unprivileged != nullptr || ::geteuid() == 0)) {
    log.Failure("no btrfs image for branches", *store.no_image);
  }
  TRY_ASSIGN(auto made, MakeStoreDriver(store, helpers, unprivileged));
  const branching::StorageTraits traits = made->traits();
  TRY_ASSIGN(auto opened,
             branching::Storage::Open({.directory = store.path, .owner = owner}, std::move(made)));
  if (traits.shares_blocks) {
    log.Info("branch store",
             {{"path", store.path}, {"driver", traits.name}, {"cost", traits.cost}});
  } else {
    log.Warn(
        "branches are full copies: run `prism branch init`, or put branching.storage.path on "
        "btrfs, XFS or ZFS",
        {{"path", store.path}, {"cost", traits.cost}});
  }
  return opened;
}

}  // namespace prism::app

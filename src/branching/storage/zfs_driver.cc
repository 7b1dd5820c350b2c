#include "branching/storage/zfs_driver.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <functional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "branching/storage/mount_point.h"
#include "branching/storage/storage.h"
#include "branching/storage/store_error.h"
#include "branching/storage/tree.h"
#include "branching/storage/zfs_command.h"
#include "branching/storage/zfs_dataset.h"

namespace prism::branching {
namespace {

using internal::Dataset;
using internal::RunZfs;
using internal::StoreError;
using internal::UnmountMode;

namespace fs = std::filesystem;

// The dataset of a volume.
struct Volume {
  std::string parent;
  std::string name;
  // Of its directory; a command that was started before we were killed may still have it.
  base::UniqueFd lock;

  std::string dataset() const { return fmt::format("{}/{}", parent, name); }
  // Of `other`, the snapshot that this one is made of.
  std::string SnapshotIn(const Volume& other) const {
    return fmt::format("{}@{}", other.dataset(), name);
  }
};

std::string DataOf(const std::string& volume) { return volume + "/data"; }
std::string RecordOf(const std::string& volume) { return volume + "/dataset"; }
// There: nobody writes to the volume any more, and it has a snapshot that has its own name.
std::string FrozenMarkOf(const std::string& volume) { return volume + "/frozen"; }

bool IsFrozen(const std::string& volume) {
  struct stat status = {};
  return ::lstat(FrozenMarkOf(volume).c_str(), &status) == 0;
}

Result<std::string> ParentOf(const std::string& volume) {
  TRY_ASSIGN(const std::string dataset, internal::DatasetOf(volume));
  return dataset + "/prism-volumes";
}

// Empty: the volume does not say.
std::string ReadRecord(const std::string& volume) {
  std::error_code failed;
  std::string name = fs::read_symlink(RecordOf(volume), failed).string();
  return Storage::IsVolumeId(name) ? name : std::string();
}

Result<Volume> Find(const std::string& volume, base::UniqueFd lock) {
  TRY_ASSIGN(std::string parent, ParentOf(volume));
  std::string name = ReadRecord(volume);
  if (name.empty()) {
    return std::unexpected(Error(Code::kFailedPrecondition, "STORE_DATASET",
                                 fmt::format("{} does not name its dataset: it was made or changed "
                                             "by another program. Delete the volume.",
                                             volume)));
  }
  return Volume{.parent = std::move(parent), .name = std::move(name), .lock = std::move(lock)};
}

// For what may go on beside others of its kind: several clones of one volume.
Result<Volume> FindShared(const std::string& volume) {
  TRY_ASSIGN(base::UniqueFd open, internal::OpenDirectory(volume));
  return Find(volume, std::move(open));
}

Result<Volume> FindLocked(const std::string& volume) {
  TRY_ASSIGN(base::UniqueFd lock, internal::LockDirectory(volume));
  return Find(volume, std::move(lock));
}

// Makes the directory of a volume. The record is there before the dataset, which would never be
// found without.
Result<Volume> MakeHome(const std::string& volume) {
  TRY(internal::MakeDirectory(volume));
  // Whoever runs in the volume may pass through.
  if (::chmod(volume.c_str(), 0711) != 0) {
    return std::unexpected(StoreError(errno, fmt::format("change the rights of {}", volume)));
  }
  TRY(internal::MakeDirectory(DataOf(volume)));
  // A forked process has our next ids too.
  const std::string name = fmt::format("{}-{}", ::getpid(), base::LowerCase(base::NewId()));
  if (::symlink(name.c_str(), RecordOf(volume).c_str()) != 0) {
    return std::unexpected(StoreError(errno, fmt::format("write {}", RecordOf(volume))));
  }
  return FindLocked(volume);
}

// What new datasets of volumes have. Nobody mounts them but us: at its start the machine would do
// so where they were when they were made.
std::vector<std::string> Properties(const std::string& mount_point) {
  return {"-o", "canmount=noauto", "-o", "mountpoint=" + mount_point};
}

std::vector<std::string> operator+(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Status MountDataset(const Volume& volume, const std::string& mount_point) {
  // Some versions of `zfs clone` do it, whatever canmount says.
  TRY_ASSIGN(const bool mounted, internal::IsMountPoint(mount_point));
  if (!mounted) TRY(RunZfs(volume.lock, {"mount", volume.dataset()}));
  return {};
}

Status MakeDataset(const Volume& volume, const std::string& mount_point) {
  // With -p it may be there already. Those in it inherit what is not said of them.
  TRY(RunZfs(volume.lock, {"create", "-p", "-o", "canmount=off", "-o", "mountpoint=none", "-o",
                           "setuid=off", "-o", "devices=off", "-o", "atime=off", volume.parent}));
  TRY(RunZfs(volume.lock, std::vector<std::string>{"create"} + Properties(mount_point) +
                              std::vector<std::string>{volume.dataset()}));
  return MountDataset(volume, mount_point);
}

Status MakeClone(const Volume& volume, const std::string& snapshot,
                 const std::string& mount_point) {
  TRY(RunZfs(volume.lock, std::vector<std::string>{"clone"} + Properties(mount_point) +
                              std::vector<std::string>{snapshot, volume.dataset()}));
  return MountDataset(volume, mount_point);
}

// A change of a property is on disk when the command returns, and with it all that was written
// before: syncfs(2) is not passed on by FUSE.
Status Sync(const Volume& volume, const std::string& directory) {
  TRY(internal::SyncFileSystem(directory));
  TRY(RunZfs(volume.lock, {"set", "prism:imported=on", volume.dataset()}));
  return {};
}

// A server that has just ended keeps its dataset busy for some milliseconds, and there is no event
// for it; nor for a clone of it that comes or goes.
Status DestroyWhenFree(const Volume& volume, const std::string& mount_point) {
  constexpr int kPauseMs = 20;
  const auto last = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  for (;;) {
    Status done = internal::Unmount(mount_point, UnmountMode::kRefuseIfUsed);
    if (done) done = internal::DestroyDataset(volume.lock, volume.parent, volume.name);
    if (done || std::chrono::steady_clock::now() >= last) return done;
    const std::string reason(done.error().reason());
    if (reason != "STORE_BUSY" && reason != "STORE_ZFS") return done;
    ::poll(nullptr, 0, kPauseMs);
  }
}

}  // namespace

const StorageTraits& ZfsDriver::traits() const {
  static constexpr StorageTraits kTraits = {
      .name = "zfs",
      .layout = "datasets",
      .atomic_over_running_source = true,
      .quick_over_still_source = true,
      .shares_blocks = true,
      .shares_whole_files = false,
      .enforces_frozen = true,
      .cost =
          "each branch takes some tens of milliseconds at any size, of a running database too, and "
          "disk space for what it changes",
  };
  return kTraits;
}

Status ZfsDriver::Import(const std::string& from, const std::string& to, const VolumeOwner& owner,
                         const TransferWatch& watch) {
  TRY_ASSIGN(const internal::Tree tree, internal::ReadTree(from));
  TRY(internal::CheckPortable(tree));
  TRY_ASSIGN(const Volume volume, MakeHome(to));
  const std::string data = DataOf(to);
  TRY(MakeDataset(volume, data));
  TRY(internal::CopyTree(
      tree, data, {.method = internal::FileMethod::kCloneOrCopy, .owner = owner, .watch = watch}));
  TRY(internal::HideFromOthers(data));
  return Sync(volume, data);
}

std::string ZfsDriver::FilesOf(const std::string& volume) const { return DataOf(volume); }

Status ZfsDriver::Mount(const std::string& volume) {
  const std::string data = DataOf(volume);
  TRY_ASSIGN(const bool mounted, internal::IsMountPoint(data));
  if (mounted) return {};
  TRY_ASSIGN(const Volume found, FindLocked(volume));
  TRY(RunZfs(found.lock, {"set", "mountpoint=" + data, found.dataset()}));
  return MountDataset(found, data);
}

Status ZfsDriver::Clone(const std::string& from, const std::string& to,
                        const TransferWatch& watch) {
  return CloneStill(from, to, [](const std::function<Status()>& work) { return work(); }, watch);
}

Status ZfsDriver::CloneStill(const std::string& from, const std::string& to,
                             const StillSource& still, const TransferWatch& /*watch*/) {
  TRY_ASSIGN(const Volume source, FindShared(from));
  TRY_ASSIGN(const Volume clone, MakeHome(to));
  if (IsFrozen(from)) return MakeClone(clone, source.SnapshotIn(source), DataOf(to));
  const std::string snapshot = clone.SnapshotIn(source);
  TRY(still([&]() -> Status {
    TRY(RunZfs(clone.lock, {"snapshot", snapshot}));
    return {};
  }));
  TRY(MakeClone(clone, snapshot, DataOf(to)));
  // It goes with the clone.
  TRY(RunZfs(clone.lock, {"destroy", "-d", snapshot}));
  return {};
}

Status ZfsDriver::Freeze(const std::string& volume) {
  TRY(Mount(volume));
  TRY_ASSIGN(const Volume found, FindLocked(volume));
  if (IsFrozen(volume)) return {};
  // What is written by memory maps has to arrive before nothing may.
  TRY(internal::SyncFileSystem(DataOf(volume)));
  TRY(RunZfs(found.lock, {"set", "readonly=on", found.dataset()}));
  const auto made = RunZfs(found.lock, {"snapshot", found.SnapshotIn(found)});
  if (!made && made.error().code() != Code::kAlreadyExists) return std::unexpected(made.error());
  const std::string mark = FrozenMarkOf(volume);
  const base::UniqueFd marked(::open(mark.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!marked) return std::unexpected(StoreError(errno, fmt::format("make {}", mark)));
  return {};
}

Status ZfsDriver::Destroy(const std::string& volume) {
  TRY_ASSIGN(base::UniqueFd lock, internal::LockDirectory(volume));
  if (!ReadRecord(volume).empty()) {
    TRY_ASSIGN(const Volume found, Find(volume, std::move(lock)));
    TRY(DestroyWhenFree(found, DataOf(volume)));
  }
  return internal::RemoveTree(volume);
}

Result<VolumeUsage> ZfsDriver::Measure(const std::string& volume) {
  TRY_ASSIGN(const Volume found, FindShared(volume));
  TRY_ASSIGN(const std::vector<Dataset> all, internal::ListDatasets(found.lock, found.parent));
  const Dataset* const own = internal::FindDataset(all, found.dataset());
  if (own == nullptr) {
    return std::unexpected(Error(Code::kFailedPrecondition, "STORE_DATASET",
                                 fmt::format("The dataset {} is gone: it was removed by another "
                                             "program. Delete the volume.",
                                             found.dataset())));
  }
  VolumeUsage usage{.own_bytes = own->used};
  const std::vector<Dataset> snapshots = internal::SnapshotsOf(all, own->name);
  // What a snapshot has that others are made of, is theirs too.
  if (const Dataset* const clone = internal::LastClone(all, snapshots)) {
    const std::uint64_t shared = internal::FindDataset(snapshots, clone->origin)->referenced;
    usage.own_bytes = own->referenced > shared ? own->referenced - shared : 0;
  }
  usage.own_bytes = std::min(usage.own_bytes, own->referenced);
  usage.shared_bytes = own->referenced - usage.own_bytes;
  return usage;
}

namespace internal {

Status TryZfs(const std::string& directory) {
  const auto unsuitable = [](std::string why) {
    return std::unexpected(
        Error(Code::kFailedPrecondition, "STORE_DRIVER_UNSUITABLE", std::move(why)));
  };
  TRY_ASSIGN(const std::string dataset, DatasetOf(directory));
  if (::geteuid() != 0) {
    return unsuitable(fmt::format("only root can make datasets of ZFS in {}", directory));
  }
  TRY_ASSIGN(const base::UniqueFd lock, OpenDirectory(directory));
  const auto known = RunZfs(lock, {"list", "-H", "-o", "name", dataset});
  if (!known) return unsuitable(known.error().message());
  return {};
}

}  // namespace internal
}  // namespace prism::branching

// A directory of volumes: trees of files that are cloned, frozen and deleted as a whole.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "branching/storage/driver.h"

namespace prism::branching {

// What there is, named or not.
struct StoreContents {
  std::vector<std::string> volumes;  // sorted
  std::size_t pieces = 0;            // of volumes that are being made or removed, or were
};

// The volume ID has the directory `<store>/volumes/<ID>`. Whatever is killed at whatever moment, a
// volume is there whole or not at all: it is made and removed under a temporary name beside the
// others. After a power cut Import and Freeze hold; Clone and Delete may not have happened.
//
// Errors of all calls: INVALID_ARGUMENT/VOLUME_ID, NOT_FOUND/VOLUME_NOT_FOUND,
// ALREADY_EXISTS/VOLUME_EXISTS, RESOURCE_EXHAUSTED/DISK_FULL, PERMISSION_DENIED/STORE_DENIED, and
// STORE_IO with what the system said.
//
// Thread rule: any thread, any number of calls at once. All of them block: run them on a
// BlockingPool. Of two calls that make one volume one fails; who deletes what another call clones
// may fail that call.
class Storage {
 public:
  struct Options {
    std::string directory;  // made when it is not there
    VolumeOwner owner;      // another user than ours needs root
  };

  // Makes what is missing of a store and gives it to its owner, so that he can open it by himself.
  // Its directory without links. For root; errors of Open, but STORE_LOCKED.
  static Result<std::string> Prepare(const Options& options, const StorageTraits& traits);

  // Locks the directory for the life of the object; FAILED_PRECONDITION/STORE_LOCKED (after a
  // second), FAILED_PRECONDITION/STORE_OWNER, PERMISSION_DENIED/STORE_OWNER,
  // FAILED_PRECONDITION/STORE_LAYOUT (its volumes are of a kind that the driver can't use).
  static Result<std::unique_ptr<Storage>> Open(const Options& options,
                                               std::unique_ptr<StorageDriver> driver);
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  ~Storage() = default;

  // The layout (StorageTraits) of the volumes in a directory; none while there are no volumes.
  static Result<std::optional<std::string>> LayoutOf(const std::string& directory);

  // Whether somebody has opened the store in the directory; not when there is none.
  static Result<bool> IsLocked(const std::string& directory);
  // Of a store that somebody else may work with, or that is not there. Changes nothing.
  static Result<StoreContents> ContentsOf(const std::string& directory);

  const StorageTraits& traits() const { return driver_->traits(); }

  // Removes what killed processes left under temporary names; how many there were, or why one of
  // them can't be removed. Once after Open, beside other calls if wanted.
  Result<std::size_t> Sweep();

  // Makes a volume of a directory that nobody writes to. Symbolic links stay as they are, sockets
  // and pipes are left out. FAILED_PRECONDITION/STORE_SOURCE_MOUNT (mount points and btrfs
  // subvolumes inside), STORE_SOURCE_DEVICE, STORE_SOURCE_OVERLAP;
  // NOT_FOUND/STORE_SOURCE_NOT_FOUND.
  Status Import(const std::string& directory, std::string_view id, const TransferWatch& watch = {});
  // Makes a volume with nothing in it.
  Status Create(std::string_view id);
  // The clone is writable, of a frozen volume too. Of a volume that is being written to, only where
  // traits() says so. FAILED_PRECONDITION/STORE_NESTED_SUBVOLUME.
  Status Clone(std::string_view from, std::string_view to, const TransferWatch& watch = {});
  // Of a volume that is in use, as it is while `still` lets nobody write to it. Errors of `still`
  // too. Where traits() say that it is quick.
  Status CloneStill(std::string_view from, std::string_view to, const StillSource& still,
                    const TransferWatch& watch = {});
  // Nobody writes to the volume from now on: what generations are. FAILED_PRECONDITION/STORE_BUSY
  // with some drivers while somebody has a file of it open.
  Status Freeze(std::string_view id);
  // The files of the volume are where Path says from now on, until the machine restarts: before
  // each use. Those of Import and Clone are there already.
  Status Mount(std::string_view id);
  // OK when there is none. The volume is gone from the first moment on; what the call goes on with
  // is giving its space back.
  Status Delete(std::string_view id);
  // Sorted. What is in the directory but is no volume of ours is passed over.
  Result<std::vector<std::string>> List() const;
  // Reads the extents of each file: tens of milliseconds for a database of a thousand files, so
  // callers keep the result with its age. What changes meanwhile may be counted or not.
  Result<VolumeUsage> Measure(std::string_view id) const;
  // Where the files of a volume are, or would be.
  Result<std::string> Path(std::string_view id) const;

  // 1 to 63 of a-z, 0-9 and -, not beginning with -.
  static bool IsVolumeId(std::string_view id);

 private:
  Storage(std::string directory, VolumeOwner owner, base::UniqueFd lock,
          std::unique_ptr<StorageDriver> driver);

  std::string TemporaryPath() const;
  // The directory `volumes/<ID>`, which the files are in or not: see StorageDriver.
  Result<std::string> Home(std::string_view id) const;
  // That of a volume that is there.
  Result<std::string> Existing(std::string_view id) const;
  // Runs `make` on a temporary path and gives the outcome its name.
  Status Make(std::string_view id, const std::function<Status(const std::string& path)>& make);
  // The real path of what shall be imported.
  Result<std::string> FindSource(const std::string& directory) const;

  const std::string directory_;
  const std::string volumes_;
  const VolumeOwner owner_;
  const base::UniqueFd lock_;
  const std::string temporary_;  // what the temporary names of this object begin with
  const std::unique_ptr<StorageDriver> driver_;
};

}  // namespace prism::branching

// What a file system can do for volumes: the part of storage that differs between drivers.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::branching {

// Who the files of volumes belong to: the user that instances run as.
struct VolumeOwner {
  uid_t uid = 0;
  gid_t gid = 0;
};

// What a volume takes up. Bytes of file contents as the file system holds them: not of holes, nor
// of directories and other metadata.
struct VolumeUsage {
  std::uint64_t own_bytes = 0;     // would be free if the volume were deleted
  std::uint64_t shared_bytes = 0;  // other volumes or outside files hold them too
};

// What has been done of a transfer.
struct TransferProgress {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;  // of contents; holes are not counted
};

// Called on the thread that makes the transfer, after each file and every few MiB. False ends it
// with CANCELLED/TRANSFER_CANCELLED.
using TransferWatch = std::function<bool(const TransferProgress&)>;

// Runs `work` while nobody writes to a volume, and answers what that did.
using StillSource = std::function<Status(const std::function<Status()>& work)>;

struct StorageTraits {
  std::string_view name;
  // What a volume is on disk. A driver can use the volumes of others with the same layout.
  std::string_view layout;
  // A clone of a volume that is being written to is what a power cut at one moment would have left.
  bool atomic_over_running_source;
  // CloneStill takes milliseconds: who writes to the source may be held up for so long.
  bool quick_over_still_source;
  // A clone takes space only for what is changed in it.
  bool shares_blocks;
  // Of a file that is changed in a clone, all of it.
  bool shares_whole_files;
  // The file system refuses writes to a frozen volume.
  bool enforces_frozen;
  // What branches cost with it, one sentence for people.
  std::string_view cost;
};

// Makes and removes directories that Storage names. Nothing here is atomic on its own: what fails
// or is killed leaves a part of `to`, which Storage removes.
//
// Thread rule: stateless; any thread, any number at once. Blocks.
class StorageDriver {
 public:
  virtual ~StorageDriver() = default;

  virtual const StorageTraits& traits() const = 0;

  // Makes `to` from the directory `from`, which is not a volume, and gives all of it to `owner`. On
  // disk when this returns. What is made is mounted.
  virtual Status Import(const std::string& from, const std::string& to, const VolumeOwner& owner,
                        const TransferWatch& watch) = 0;
  // Where the files of a volume are: `volume`, or a directory in it.
  virtual std::string FilesOf(const std::string& volume) const { return volume; }
  // They are there from now on. Again: the same.
  virtual Status Mount(const std::string& /*volume*/) { return {}; }
  // Makes `to` a writable twin of the volume `from`, and mounts it.
  virtual Status Clone(const std::string& from, const std::string& to,
                       const TransferWatch& watch) = 0;
  // The same of a volume that is in use, as it is while `still` runs work; that is as little as can
  // be. Of drivers whose traits() say that it is quick.
  virtual Status CloneStill(const std::string& from, const std::string& to,
                            const StillSource& still, const TransferWatch& watch) {
    return still([&] { return Clone(from, to, watch); });
  }
  // On disk when this returns; read-only if traits().enforces_frozen. Again: the same.
  virtual Status Freeze(const std::string& volume) = 0;
  // Removes a volume or what is there of one. It is there.
  virtual Status Destroy(const std::string& volume) = 0;
  virtual Result<VolumeUsage> Measure(const std::string& volume) = 0;
};

}  // namespace prism::branching

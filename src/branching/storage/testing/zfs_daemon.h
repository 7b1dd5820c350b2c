// For tests: ZFS without a kernel that has it.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "runtime/spawn.h"

namespace prism::branching::testing {

// zfs-fuse for those that have the mounts of the calling thread (UseOwnMounts before): the program
// `zfs` speaks with it. It ends with the thread however that ends, and several of them know nothing
// of each other.
class ZfsDaemon {
 public:
  // A pool on the device, whose root is mounted on the directory. It is kept nowhere else.
  static Result<std::unique_ptr<ZfsDaemon>> Start(const std::string& device,
                                                  const std::string& mount_point);
  ZfsDaemon(const ZfsDaemon&) = delete;
  ZfsDaemon& operator=(const ZfsDaemon&) = delete;
  ~ZfsDaemon();

 private:
  static Result<std::unique_ptr<ZfsDaemon>> StartAlone();
  explicit ZfsDaemon(runtime::Spawned daemon) : daemon_(std::move(daemon)) {}

  Status MakePool(const std::string& device, const std::string& mount_point);

  runtime::Spawned daemon_;
};

}  // namespace prism::branching::testing

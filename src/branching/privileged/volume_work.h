// What the helper does in the store.
#pragma once

#include <memory>
#include <string>

#include "branching/instances/sandbox.h"
#include "branching/privileged/helper.pb.h"
#include "branching/storage/driver.h"

namespace prism::branching::internal {

// With the rights of the user as far as files go, so that what is root's is what no user may do:
// mounting, and removing a subvolume at once. Any thread, which has those rights from then on.
class VolumeWork {
 public:
  // `volumes`: the directory that has them, without links.
  VolumeWork(std::unique_ptr<StorageDriver> driver, std::string volumes, InstanceUser user)
      : driver_(std::move(driver)), volumes_(std::move(volumes)), user_(user) {}

  // Of a request that ReadRequest has taken, about storage. Blocks.
  privileged::Answer Do(const privileged::Request& request, const TransferWatch& watch) const;

 private:
  Result<privileged::Answer> Try(const privileged::Request& request,
                                 const TransferWatch& watch) const;
  std::string PathOf(const std::string& name) const { return volumes_ + "/" + name; }

  const std::unique_ptr<StorageDriver> driver_;
  const std::string volumes_;
  const InstanceUser user_;
};

}  // namespace prism::branching::internal

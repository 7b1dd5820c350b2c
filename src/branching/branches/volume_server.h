// The server of a volume: started, found again, and gone with its volume.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "branching/branches/workshop.h"
#include "runtime/cancel.h"
#include "runtime/task.h"

namespace prism::branching {

// What a server is started on.
struct VolumeToServe {
  std::string volume;
  int major = 0;  // of PostgreSQL
  std::uint32_t max_prepared_transactions = 0;
};

// One that runs already, of ours, is taken over. Errors of PostgresServers and Runtime;
// UNAVAILABLE/SERVER_GONE when it ended meanwhile.
runtime::Task<Result<std::unique_ptr<Instance>>> StartServer(Workshop* workshop,
                                                             VolumeToServe served,
                                                             InstanceSettings settings,
                                                             runtime::CancelSource* cancel);
// nullptr: none runs.
runtime::Task<Result<std::unique_ptr<Instance>>> FindServer(Workshop* workshop, std::string volume);
// None of the volume runs any more.
runtime::Task<Status> EndServer(Workshop* workshop, std::string volume);
// A clone that is a cluster of its own (CleanClone); of a volume in use as it is while `still` lets
// nobody write to it. Blocks.
Status CloneVolume(const Workshop& workshop, const std::string& from, const std::string& to,
                   const WhileStill& still = {}, const TransferWatch& watch = {});
// Server first, then volume, then its row of the journal: each step may be the last one.
runtime::Task<Status> RemoveVolume(Workshop* workshop, std::string volume);

}  // namespace prism::branching

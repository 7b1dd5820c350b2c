// A server that stands still for a moment.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "branching/instances/runtime.h"

namespace prism::branching {

// Of one instance, shared by all who pause it. Thread rule: any thread; blocks.
class ProcessPause {
 public:
  explicit ProcessPause(InstanceIdentity identity) : identity_(identity) {}

  // See Instance::pauser.
  Status While(const std::function<Status()>& work);

 private:
  Status Begin();
  bool StopAll(MonoNanos deadline);
  void ResumeAll();
  Status End();

  const InstanceIdentity identity_;
  // lint-allow(thread): pauses are made by threads of the pool, which may wait for one another
  std::mutex mutex_;
  int pauses_ = 0;                         // that last
  std::vector<InstanceIdentity> stopped_;  // for whoever is left of them when the postmaster ends
};

// Whoever paused it may have been killed. Blocks.
void ResumeProcesses(pid_t root);

}  // namespace prism::branching

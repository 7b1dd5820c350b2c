// How a server says that it takes connections: by an event, without asking it.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"
#include "branching/instances/run_directory.h"
#include "branching/instances/runtime.h"
#include "runtime/blocking_pool.h"
#include "runtime/shard.h"
#include "runtime/wait.h"

namespace prism::branching {

// READY=1 on NOTIFY_SOCKET (sd_notify(3)) from a server that knows it, else line 8 of its
// postmaster.pid, told by inotify. Prepared anywhere, watched on a shard.
class Readiness {
 public:
  // Before the server is started, so that nothing is missed. Blocks a little. INSTANCE_FILES.
  static Result<Readiness> Prepare(const RunDirectory& directory, const InstanceSpec& spec,
                                   InstanceUser user);

 private:
  friend class ReadinessWatch;
  base::UniqueFd fd_;
  bool notifies_ = false;
  std::string path_;  // of the socket, or of postmaster.pid
};

// Sets the event when the server is ready; removes the socket when it goes.
class ReadinessWatch final : private runtime::FdHandler {
 public:
  ReadinessWatch(Readiness readiness, runtime::Event* event, runtime::BlockingPool* pool);
  ReadinessWatch(const ReadinessWatch&) = delete;
  ReadinessWatch& operator=(const ReadinessWatch&) = delete;
  virtual ~ReadinessWatch();

  // RESOURCE_EXHAUSTED and the like when the loop takes no more descriptors.
  Status Watch();
  bool ready() const { return ready_; }

 private:
  void OnReady(std::uint32_t) override;
  bool Notified();
  bool Changed();

  Readiness readiness_;
  runtime::Event* event_;
  runtime::BlockingPool* pool_;
  runtime::Shard& shard_;
  bool ready_ = false;
};

}  // namespace prism::branching

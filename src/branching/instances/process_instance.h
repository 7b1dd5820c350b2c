// A server that is a process of this machine: watched, measured and ended by its pidfd.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "branching/instances/process_pause.h"
#include "branching/instances/process_tree.h"
#include "branching/instances/run_directory.h"
#include "branching/instances/runtime.h"
#include "runtime/blocking_pool.h"
#include "runtime/shard.h"
#include "runtime/wait.h"

namespace prism::branching {

class ProcessInstance final : public Instance, private runtime::FdHandler {
 public:
  // On the shard that will have it. `ours`: it is our child, and how it ended can be asked for.
  ProcessInstance(RunDirectory directory, InstanceIdentity identity, base::UniqueFd pidfd,
                  bool ours, runtime::BlockingPool* pool);
  ProcessInstance(const ProcessInstance&) = delete;
  ProcessInstance& operator=(const ProcessInstance&) = delete;
  ~ProcessInstance() override;

  Status Watch();
  // Notes what it would leave behind if it were killed, and removes that at its end.
  runtime::Task<Status> NoteSegments();
  // It has ended, and the kernel had killed a process of it at the limit of its memory.
  bool out_of_memory() const { return out_of_memory_; }
  // Sets this event too when it ends; nullptr: no longer.
  void AlsoSet(runtime::Event* event) { also_ = event; }

  InstanceIdentity identity() const override { return identity_; }
  const std::string& socket_path() const override { return socket_path_; }
  const std::string& log_path() const override { return log_path_; }
  bool running() const override { return !ended_.set(); }
  runtime::Task<Result<std::string>> WaitForEnd(MonoNanos deadline,
                                                runtime::CancelSource* cancel) override;
  runtime::Task<Result<StopKind>> Stop(StopPatience patience) override;
  runtime::Task<Result<InstanceUsage>> Usage() override;
  WhileStill pauser() const override;

  // How it ended; empty while it runs.
  const std::string& end() const { return end_; }

 private:
  void OnReady(std::uint32_t) override;
  std::string Reap();
  // When it has ended: its cgroup goes, and what that has to say is added to `end_`.
  runtime::Task<void> LeaveCgroup();
  runtime::Task<Result<StopKind>> StopServer(StopPatience patience);
  // Sends the signal until it has ended, which is true, or the time is over.
  runtime::Task<bool> EndBy(int signal, MonoNanos patience);
  runtime::Task<Result<StopKind>> Kill();

  RunDirectory directory_;
  InstanceIdentity identity_;
  std::shared_ptr<ProcessPause> pause_;
  base::UniqueFd pidfd_;
  bool ours_;
  runtime::BlockingPool* pool_;
  runtime::Shard& shard_;
  runtime::Event ended_;
  runtime::Event* also_ = nullptr;
  std::string socket_path_;
  std::string log_path_;
  std::string end_;
  std::vector<int> segments_;
  bool left_cgroup_ = false;
  bool out_of_memory_ = false;
};

}  // namespace prism::branching

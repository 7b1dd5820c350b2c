// A server in a container: a process of this machine whose container has to go, too.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "branching/containers/docker_engine.h"
#include "branching/instances/process_instance.h"
#include "branching/instances/runtime.h"
#include "runtime/blocking_pool.h"

namespace prism::branching {

// Signals go to the process, by its pidfd: the engine need not answer for a server to be stopped,
// and its end is an event of the kernel. Pool and engine outlive it.
class DockerInstance final : public Instance {
 public:
  DockerInstance(std::unique_ptr<ProcessInstance> process, std::string container,
                 const DockerEngine* engine, runtime::BlockingPool* pool)
      : process_(std::move(process)),
        container_(std::move(container)),
        engine_(engine),
        pool_(pool) {}

  InstanceIdentity identity() const override { return process_->identity(); }
  const std::string& socket_path() const override { return process_->socket_path(); }
  const std::string& log_path() const override { return process_->log_path(); }
  bool running() const override { return process_->running(); }
  runtime::Task<Result<std::string>> WaitForEnd(MonoNanos deadline,
                                                runtime::CancelSource* cancel) override {
    return process_->WaitForEnd(deadline, cancel);
  }
  // Waits until the container is gone as well, where the engine answers; else that removes it when
  // it comes back.
  runtime::Task<Result<StopKind>> Stop(StopPatience patience) override;
  runtime::Task<Result<InstanceUsage>> Usage() override { return process_->Usage(); }
  WhileStill pauser() const override { return process_->pauser(); }

 private:
  std::unique_ptr<ProcessInstance> process_;
  std::string container_;
  const DockerEngine* engine_;
  runtime::BlockingPool* pool_;
};

}  // namespace prism::branching

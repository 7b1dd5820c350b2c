#include "branching/containers/docker_instance.h"

namespace prism::branching {

runtime::Task<Result<StopKind>> DockerInstance::Stop(StopPatience patience) {
  auto stopped = co_await process_->Stop(patience);
  CO_TRY_ASSIGN(const StopKind kind, std::move(stopped));
  const auto await_removal = [this] { return engine_->AwaitRemoval(container_); };
  // The server has ended, which is what was asked for; a container that stays has no process, and
  // goes with the next start.
  const auto ignored = co_await pool_->Run(await_removal);
  static_cast<void>(ignored);
  co_return kind;
}

}  // namespace prism::branching

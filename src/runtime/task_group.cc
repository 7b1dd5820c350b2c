#include "runtime/task_group.h"

#include <utility>

#include "base/check.h"

namespace prism::runtime {

TaskGroup::~TaskGroup() {
  // Going on would let the tasks write into freed memory.
  PRISM_CHECK(running_ == 0, "a TaskGroup is destroyed only after co_await Join()");
}

void TaskGroup::Spawn(Task<void> task) {
  const auto handle = std::exchange(task.handle_, nullptr);
  handle.promise().group = this;
  ++running_;
  handle.resume();
}

namespace internal {

std::coroutine_handle<> FinishSpawned(std::coroutine_handle<> frame, TaskGroup& group) noexcept {
  frame.destroy();
  if (--group.running_ == 0 && group.joiner_) return std::exchange(group.joiner_, nullptr);
  return std::noop_coroutine();
}

}  // namespace internal
}  // namespace prism::runtime

#include "runtime/task_group.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace prism::runtime {

TaskGroup::~TaskGroup() {
  if (running_ == 0) return;
  // Going on would let the tasks write into freed memory.
  std::fputs("prism: a TaskGroup was destroyed while tasks were running; Join it first\n", stderr);
  std::abort();
}

void TaskGroup::Spawn(Task<void> task) {
  const auto handle = std::exchange(task.handle_, nullptr);
  handle.promise().group = this;
  ++running_;
  handle.resume();
}

namespace internal {

void FinishSpawned(std::coroutine_handle<> frame, TaskGroup& group) noexcept {
  frame.destroy();
  if (--group.running_ == 0 && group.joiner_) std::exchange(group.joiner_, nullptr).resume();
}

}  // namespace internal
}  // namespace prism::runtime

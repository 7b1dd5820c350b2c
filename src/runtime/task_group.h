// TaskGroup: the owner of everything that was spawned. Whoever spawns joins.
#pragma once

#include <coroutine>
#include <cstddef>

#include "runtime/task.h"

namespace prism::runtime {

// Lives on one shard; every method and every spawned task runs there. The destructor requires that
// nothing is running: co_await Join() first. Join does not cancel: cancel through the tasks'
// tokens.
class TaskGroup {
 public:
  TaskGroup() = default;
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup();

  // Starts the task at once; it runs until its first suspension before Spawn returns. When it ends
  // there and somebody is joining, the joiner goes on inside Spawn too.
  void Spawn(Task<void> task);

  std::size_t running() const { return running_; }

  // Completes when nothing runs. One joiner at a time.
  auto Join() noexcept {
    struct Awaiter {
      TaskGroup& group;
      bool await_ready() const noexcept { return group.running_ == 0; }
      void await_suspend(std::coroutine_handle<> joiner) noexcept { group.joiner_ = joiner; }
      void await_resume() noexcept {}
    };
    return Awaiter{*this};
  }

 private:
  friend std::coroutine_handle<> internal::FinishSpawned(std::coroutine_handle<>,
                                                         TaskGroup&) noexcept;

  std::size_t running_ = 0;
  std::coroutine_handle<> joiner_ = nullptr;
};

}  // namespace prism::runtime

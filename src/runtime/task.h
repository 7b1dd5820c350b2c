// Task<T>: the only coroutine type. Lazy, move-only, resumed by symmetric transfer, frames pooled.
//
// A Task runs when it is awaited, or when TaskGroup::Spawn starts it. Destroying a Task that was
// never started frees its frame; destroying one that is suspended is a bug: waits are ended by
// cancellation, never by destruction. Rules: no reference parameter whose object may die during a
// suspension; no capturing lambda as a coroutine. An exception that reaches the edge of a Task ends
// the process: errors travel as Result.
#pragma once

#include <coroutine>
#include <cstdlib>
#include <exception>
#include <optional>
#include <utility>

#include "runtime/frame_pool.h"

namespace prism::runtime {

class TaskGroup;

namespace internal {

class PromiseBase {
 public:
  static void* operator new(std::size_t size) { return AllocateFrame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { FreeFrame(frame, size); }

  std::suspend_always initial_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }

  std::coroutine_handle<> continuation = nullptr;  // who awaits this task
  TaskGroup* group = nullptr;                      // set instead when the task was spawned
};

// Ends a spawned task: destroys its frame, then tells the group. Returns what runs next: the
// group's joiner when this was the last task. Defined in task_group.cc.
std::coroutine_handle<> FinishSpawned(std::coroutine_handle<> frame, TaskGroup& group) noexcept;

struct FinalAwaiter {
  bool await_ready() noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
    PromiseBase& promise = self.promise();
    if (promise.continuation) return promise.continuation;
    if (promise.group != nullptr) return FinishSpawned(self, *promise.group);
    return std::noop_coroutine();
  }
  void await_resume() noexcept {}
};

// What a Task<T> returns, until who awaits it takes it.
template <class T>
class ValuePromise : public PromiseBase {
 public:
  template <class U = T>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T Take() { return *std::move(value_); }

 private:
  std::optional<T> value_;
};

template <>
class ValuePromise<void> : public PromiseBase {
 public:
  void return_void() {}
  void Take() {}
};

}  // namespace internal

template <class T = void>
class [[nodiscard]] Task {
 public:
  using value_type = T;
  class promise_type : public internal::ValuePromise<T> {
   public:
    Task get_return_object() { return Task(Handle::from_promise(*this)); }
    internal::FinalAwaiter final_suspend() noexcept { return {}; }
  };
  using Handle = std::coroutine_handle<promise_type>;

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  auto operator co_await() && noexcept {
    struct Awaiter {
      Handle handle;
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept {
        handle.promise().continuation = caller;
        return handle;
      }
      T await_resume() { return handle.promise().Take(); }
    };
    return Awaiter{handle_};
  }

 private:
  friend class TaskGroup;
  explicit Task(Handle handle) : handle_(handle) {}
  Handle handle_;
};

}  // namespace prism::runtime

// Threads for what can't be done without blocking (name resolution, file system calls of control
// paths).
#pragma once

#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/status.h"
#include "runtime/shard.h"

namespace prism::runtime {

// Any thread. A thread starts when work comes in and no other one is idle, up to the number given.
// The queue is bounded: Submit answers RESOURCE_EXHAUSTED/BLOCKING_POOL_FULL beyond it. Stop
// finishes what is queued, then joins; from then on Submit answers UNAVAILABLE/SHUTTING_DOWN.
// Stop it before the shards whose coroutines wait for it: it continues them.
class BlockingPool {
 public:
  BlockingPool(int threads, std::size_t max_queue);
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;
  ~BlockingPool();

  Status Submit(std::move_only_function<void()> work);
  void Stop();  // not from a thread of the pool; a second call does nothing

  // co_await pool.Run(fn), on a shard: runs fn on a thread of the pool and continues on the
  // caller's shard with Result<value of fn>; the errors are those of Submit. It can't be cancelled:
  // fn bounds its own time.
  template <class F>
  auto Run(F fn) {
    return RunAwaiter<F>(*this, std::move(fn));
  }

 private:
  template <class F>
  class RunAwaiter {
   public:
    using Value = std::invoke_result_t<F&>;
    RunAwaiter(BlockingPool& pool, F fn) : pool_(pool), fn_(std::move(fn)) {}
    RunAwaiter(const RunAwaiter&) = delete;
    RunAwaiter& operator=(const RunAwaiter&) = delete;

    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> caller) {
      resume_.Suspend(caller);
      auto submitted = pool_.Submit([this] { Work(); });
      if (submitted) return true;
      error_ = std::move(submitted).error();
      return false;
    }
    Result<Value> await_resume() {
      if (error_) return std::unexpected(*std::move(error_));
      if constexpr (std::is_void_v<Value>) {
        return {};
      } else {
        return *std::move(value_);
      }
    }

   private:
    void Work() {
      if constexpr (std::is_void_v<Value>) {
        fn_();
      } else {
        value_.emplace(fn_());
      }
      resume_.Resume();
    }

    struct Nothing {};
    BlockingPool& pool_;
    F fn_;
    ShardResume resume_;
    std::optional<std::conditional_t<std::is_void_v<Value>, Nothing, Value>> value_;
    std::optional<Error> error_;
  };

  Status StartThread();  // with mutex_ held
  void Work();

  const std::size_t max_threads_;
  const std::size_t max_queue_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::move_only_function<void()>> queue_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace prism::runtime

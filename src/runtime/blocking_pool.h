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

// Thread-safe. The queue is bounded: Submit answers RESOURCE_EXHAUSTED/BLOCKING_POOL_FULL beyond
// it. Stop finishes what is queued, then joins.
class BlockingPool {
 public:
  BlockingPool(int threads, std::size_t max_queue);
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;
  ~BlockingPool();

  Status Submit(std::move_only_function<void()> work);
  void Stop();

  // co_await pool.Run(fn): runs fn on a pool thread and resumes on the caller's shard with
  // Result<value of fn>; the queue being full is the only error of its own.
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
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> caller) {
      resume_.Suspend(caller);
      auto submitted = pool_.Submit([this] {
        value_.emplace(fn_());
        resume_.Resume();
      });
      if (submitted) return true;
      error_ = std::move(submitted).error();
      return false;
    }
    Result<Value> await_resume() {
      if (error_) return std::unexpected(*std::move(error_));
      return *std::move(value_);
    }

   private:
    BlockingPool& pool_;
    F fn_;
    ShardResume resume_;
    std::optional<Value> value_;
    std::optional<Error> error_;
  };

  void Work();

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::move_only_function<void()>> queue_;
  std::size_t max_queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace prism::runtime

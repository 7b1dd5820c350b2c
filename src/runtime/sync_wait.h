// From a thread that is no shard into the world of coroutines and back, for start-up and tests.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "runtime/shard.h"
#include "runtime/task.h"
#include "runtime/task_group.h"

namespace prism::runtime {

namespace internal {

// Where the shard leaves the word that a task has ended. Posted by the task as its last act, so it
// runs when the task's frame and its place in the group have gone.
class Latch final : public MailboxItem {
 public:
  void Run() override {
    const std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_one();
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

// All of it lives on the stack of the thread that waits.
template <class F>
struct SyncRun {
  using Value = typename std::invoke_result_t<F&>::value_type;
  static constexpr bool kVoid = std::is_void_v<Value>;
  struct Nothing {};

  Shard& shard;
  F fn;
  TaskGroup group = {};
  Latch done = {};
  std::optional<std::conditional_t<kVoid, Nothing, Value>> value = {};

  static Task<void> Drive(SyncRun* run) {
    if constexpr (kVoid) {
      co_await run->fn();
    } else {
      run->value.emplace(co_await run->fn());
    }
    run->shard.Post(run->done);
  }
};

}  // namespace internal

// Calls fn on the shard, runs the Task that it returns to its end, and gives its value. Blocks the
// calling thread until then, without a deadline of its own. fn lives as long as the task, so its
// captures may be used by what it calls; it must not itself be a coroutine when it captures.
template <class F>
auto RunOn(Shard& shard, F fn) -> typename std::invoke_result_t<F&>::value_type {
  PRISM_CHECK(Shard::Current() == nullptr, "RunOn would block a shard: co_await there instead");
  using Run = internal::SyncRun<F>;
  Run run{shard, std::move(fn)};
  shard.Post([&run] { run.group.Spawn(Run::Drive(&run)); });
  run.done.Wait();
  if constexpr (!Run::kVoid) return *std::move(run.value);
}

// The same on a shard that lives as long as the call. Ends the process when the system has no
// thread for it.
template <class F>
auto RunOnNewShard(F fn) -> typename std::invoke_result_t<F&>::value_type {
  Shard shard(0);
  PRISM_CHECK(shard.Start().has_value(), "no descriptors or threads are left for a shard");
  return RunOn(shard, std::move(fn));
}

}  // namespace prism::runtime

// Lets other work of the shard run between two pieces of a long one.
#pragma once

#include <coroutine>

#include "runtime/shard.h"

namespace prism::engine {

// co_await Yield() continues after what is waiting in the shard's mailbox now. Outside a shard
// (tests, tools) it goes on at once.
class Yield {
 public:
  bool await_ready() const noexcept { return runtime::Shard::Current() == nullptr; }
  void await_suspend(std::coroutine_handle<> caller) {
    resume_.Suspend(caller);
    resume_.Resume();
  }
  void await_resume() const noexcept {}

 private:
  runtime::ShardResume resume_;
};

}  // namespace prism::engine

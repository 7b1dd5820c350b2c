// A coroutine on another shard, awaited on this one.
#pragma once

#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

#include "runtime/shard.h"
#include "runtime/task.h"
#include "runtime/task_group.h"

namespace prism::branching {

// co_await OnShard(shard, group, fn): `fn` is called there and answers a Task, whose value this
// gives here. The group is of that shard, and joined by its owner. Can't be cancelled: `fn` bounds
// its own time.
template <class F>
class OnShard {
 public:
  using Value = typename std::invoke_result_t<F&>::value_type;

  OnShard(runtime::Shard& shard, runtime::TaskGroup& group, F fn)
      : shard_(shard), group_(group), fn_(std::move(fn)) {}
  OnShard(const OnShard&) = delete;
  OnShard& operator=(const OnShard&) = delete;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> caller) {
    resume_.Suspend(caller);
    shard_.Post([this] { group_.Spawn(Drive(this)); });
  }
  Value await_resume() { return *std::move(value_); }

 private:
  static runtime::Task<void> Drive(OnShard* self) {
    self->value_.emplace(co_await self->fn_());
    self->resume_.Resume();
  }

  runtime::Shard& shard_;
  runtime::TaskGroup& group_;
  F fn_;
  runtime::ShardResume resume_;
  std::optional<Value> value_;
};

}  // namespace prism::branching

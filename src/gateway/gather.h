// Asks every shard the same thing, or one of them, and continues with the answers.
#pragma once

#include <atomic>
#include <coroutine>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/shard.h"

namespace prism::gateway {

// co_await Gather<R>(pool, fn): runs fn(shard id) on each shard, resumes on the caller's with the
// answers in the order of the shards. fn runs concurrently with itself; what it refers to lives
// until the caller has resumed. Every shard must be running.
template <class R>
class Gather {
 public:
  Gather(runtime::ShardPool& pool, std::function<R(int)> fn)
      : pool_(pool), fn_(std::move(fn)), answers_(static_cast<std::size_t>(pool.size())) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> caller) {
    resume_.Suspend(caller);
    // The last answer may come, and this object go, before the loop has ended.
    runtime::ShardPool& pool = pool_;
    const int shards = pool.size();
    left_.store(shards, std::memory_order_relaxed);
    for (int i = 0; i < shards; ++i) {
      pool.at(i).Post([this, i] {
        answers_[static_cast<std::size_t>(i)].emplace(fn_(i));
        if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) resume_.Resume();
      });
    }
  }
  std::vector<R> await_resume() {
    std::vector<R> all;
    all.reserve(answers_.size());
    for (auto& answer : answers_) all.push_back(*std::move(answer));
    return all;
  }

 private:
  runtime::ShardPool& pool_;
  std::function<R(int)> fn_;
  std::vector<std::optional<R>> answers_;
  std::atomic<int> left_ = 0;
  runtime::ShardResume resume_;
};

// co_await Ask<R>(shard, fn): runs fn on that shard, resumes on the caller's with the answer. What
// fn refers to lives until then; the shard is running.
template <class R>
class Ask {
 public:
  Ask(runtime::Shard& shard, std::function<R()> fn) : shard_(shard), fn_(std::move(fn)) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> caller) {
    resume_.Suspend(caller);
    shard_.Post([this] {
      answer_.emplace(fn_());
      resume_.Resume();
    });
  }
  R await_resume() { return *std::move(answer_); }

 private:
  runtime::Shard& shard_;
  std::function<R()> fn_;
  std::optional<R> answer_;
  runtime::ShardResume resume_;
};

}  // namespace prism::gateway

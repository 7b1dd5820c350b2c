// How work reaches a store and comes back: the border between coroutines and synchronous stores.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/clock.h"
#include "base/status.h"
#include "contract/call_context.h"
#include "contract/durability.h"
#include "engine/model_store.h"
#include "engine/sweep_mark.h"
#include "models/limits.h"
#include "runtime/cancel.h"
#include "runtime/shard.h"

namespace prism::models {
class TokenKey;
}

namespace prism::engine {

// One closure on its way through a store. Lives in the frame of the coroutine that waits for it, so
// it costs no allocation and stays valid until Finish.
//
// A store that does not run inline treats it like this, on a thread of its own:
//   1. Abandoned(now)? then Drop(), and go to 4. Once Run was called the outcome is reported as it
//   is.
//   2. Run(session). It may be called again when the surrounding transaction was rolled back:
//   closures change
//      nothing outside the store but their own result.
//   3. When the work's transaction could not be committed: Fail(error), which replaces the result.
//   4. Finish(): the coroutine continues on its shard. Do not touch the work any more.
class StoreWork {
 public:
  StoreWork(const StoreWork&) = delete;
  StoreWork& operator=(const StoreWork&) = delete;

  bool Abandoned(MonoNanos now) const {
    return cancelled_.load(std::memory_order_relaxed) != runtime::CancelReason::kNone ||
           (deadline_ != 0 && now >= deadline_);
  }
  virtual void Run(const Session& session) = 0;
  virtual void Fail(Error error) = 0;
  void Drop();
  void Finish() { resume_.Resume(); }

  // Room for the node by which a store queues the work; made by Submit, dies with the work.
  template <class Node, class... Args>
  Node& MakeNode(Args&&... args) {
    static_assert(sizeof(Node) <= kNodeBytes && alignof(Node) <= alignof(std::max_align_t));
    static_assert(std::is_trivially_destructible_v<Node>);
    return *::new (static_cast<void*>(node_)) Node(std::forward<Args>(args)...);
  }

 protected:
  explicit StoreWork(MonoNanos deadline) : deadline_(deadline) {}
  ~StoreWork() = default;
  void Cancel(runtime::CancelReason reason) { cancelled_.store(reason, std::memory_order_relaxed); }
  void Suspend(std::coroutine_handle<> caller) { resume_.Suspend(caller); }

 private:
  static constexpr std::size_t kNodeBytes = 64;

  MonoNanos deadline_;  // 0: none
  std::atomic<runtime::CancelReason> cancelled_ = runtime::CancelReason::kNone;
  runtime::ShardResume resume_;
  alignas(std::max_align_t) std::byte node_[kNodeBytes];
};

// One namespace's data in one storage engine. Thread-safe.
class Store {
 public:
  explicit Store(const contract::NamespaceSettings& settings) : limits_(settings) {}
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  // Of a write that has been answered.
  virtual contract::Durability durability() const = 0;

  // What authenticates page tokens over this data; null: the engine's own key, which ends with the
  // process.
  virtual const models::TokenKey* token_key() const { return nullptr; }

  // Not null: work runs at once on the caller's thread, with this session, from any thread.
  const Session* inline_session() const { return inline_session_; }

  // Only when inline_session() is null. Takes over the work until its Finish, which may come before
  // Submit returns. An error: the queue is full (RESOURCE_EXHAUSTED/STORE_OVERLOADED) or the store
  // is closed; the work was not taken. Reads may run on any thread and see every write that was
  // finished before they were submitted; writes run one after the other in order of submission,
  // each in one atomic unit.
  virtual Status SubmitRead(StoreWork& work) = 0;
  virtual Status SubmitWrite(StoreWork& work) = 0;

  // Removes a bounded amount of what has expired; true when more is due. Stores with a thread of
  // their own do it there and answer false.
  virtual bool Sweep(WallMillis) { return false; }
  // Whether a later Sweep may find something.
  virtual bool MayExpire() { return false; }
  // Touched after each write that runs inline, and by services for what they keep themselves.
  SweepMark& sweep_mark() { return sweep_mark_; }

  models::NamespaceLimits& limits() { return limits_; }
  const models::NamespaceLimits& limits() const { return limits_; }

 protected:
  void RunInline(const Session& session) { inline_session_ = &session; }

 private:
  models::NamespaceLimits limits_;
  const Session* inline_session_ = nullptr;
  SweepMark sweep_mark_;
};

enum class WorkKind : std::uint8_t { kRead, kWrite };

// co_await on it runs `fn(store of the model)` or `fn(store of the model, dedup)` in the store and
// answers what fn answered, a Result, or the error that kept it from running or from being kept.
template <class S, class F, WorkKind kKind>
class [[nodiscard]] StoreOperation final : private StoreWork, private runtime::CancelCallback {
 public:
  StoreOperation(Store& store, std::size_t slot, contract::CallContext& ctx, F fn)
      : StoreWork(ctx.deadline), store_(store), slot_(slot), ctx_(ctx), fn_(std::move(fn)) {}

  bool await_ready() {
    const Session* session = store_.inline_session();
    if (session == nullptr) return false;
    Run(*session);
    if constexpr (kKind == WorkKind::kWrite) store_.sweep_mark().Touched();
    return true;
  }
  bool await_suspend(std::coroutine_handle<> caller) {
    if (ctx_.cancel().cancelled()) {
      Cancel(ctx_.cancel().reason());
      Drop();
      return false;
    }
    Suspend(caller);
    ctx_.cancel().Register(*this);
    auto submitted =
        kKind == WorkKind::kRead ? store_.SubmitRead(*this) : store_.SubmitWrite(*this);
    if (submitted) return true;
    Fail(std::move(submitted).error());
    return false;
  }
  auto await_resume() {
    Unlink();
    return *std::move(result_);
  }

 private:
  static auto Call(F& fn, const Session& session, std::size_t slot) {
    if constexpr (std::is_invocable_v<F&, S&>) {
      return fn(session.model<S>(slot));
    } else {
      static_assert(kKind == WorkKind::kWrite, "request ids are for writes");
      return fn(session.model<S>(slot), session.dedup());
    }
  }
  using Outcome = decltype(Call(std::declval<F&>(), std::declval<const Session&>(), 0));

  void Run(const Session& session) override { result_.emplace(Call(fn_, session, slot_)); }
  void Fail(Error error) override { result_.emplace(std::unexpected(std::move(error))); }
  void OnCancel(runtime::CancelReason reason) override { Cancel(reason); }

  Store& store_;
  std::size_t slot_;
  contract::CallContext& ctx_;
  F fn_;
  std::optional<Outcome> result_;
};

// How the services of one model reach their store. Cheap to copy; the Store must outlive it.
template <class S>
class StoreHandle {
 public:
  StoreHandle(Store& store, std::size_t slot) : store_(&store), slot_(slot) {}

  template <class F>
  auto Read(contract::CallContext& ctx, F fn) const {
    return StoreOperation<S, F, WorkKind::kRead>(*store_, slot_, ctx, std::move(fn));
  }
  template <class F>
  auto Write(contract::CallContext& ctx, F fn) const {
    return StoreOperation<S, F, WorkKind::kWrite>(*store_, slot_, ctx, std::move(fn));
  }
  SweepMark& sweep_mark() const { return store_->sweep_mark(); }
  contract::Durability durability() const { return store_->durability(); }
  const models::NamespaceLimits& limits() const { return store_->limits(); }
  const models::TokenKey* token_key() const { return store_->token_key(); }

 private:
  Store* store_;
  std::size_t slot_;
};

}  // namespace prism::engine

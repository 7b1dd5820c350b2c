// Work that blocks, for as long as somebody wants its answer.
#pragma once

#include <atomic>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/status.h"
#include "contract/call_context.h"
#include "gateway/admission.h"
#include "runtime/blocking_pool.h"
#include "runtime/cancel.h"
#include "runtime/task.h"

namespace prism::gateway {

// Whether a call was given up, for other threads. Life cycle: in a coroutine of the call. Thread
// rule: made and destroyed on the call's shard; happened() anywhere.
class GivenUp final : private runtime::CancelCallback {
 public:
  explicit GivenUp(contract::CallContext& ctx) : happened_(ctx.cancel().cancelled()) {
    if (!happened()) ctx.cancel().Register(*this);
  }
  bool happened() const { return happened_.load(std::memory_order_relaxed); }

 private:
  void OnCancel(runtime::CancelReason) override {
    happened_.store(true, std::memory_order_relaxed);
  }
  std::atomic<bool> happened_;
};

// co_await OnPool(ctx, pool, work): what `work`, which blocks, answers on a thread of the pool.
// What it refers to belongs to the call. When the client has gone or the deadline has passed before
// its turn comes it does not run; what runs already runs to its end. The errors of
// BlockingPool::Submit and WhyCancelled.
template <class F>
runtime::Task<std::invoke_result_t<F&>> OnPool(contract::CallContext& ctx,
                                               runtime::BlockingPool& pool, F work) {
  using Answer = std::invoke_result_t<F&>;
  const GivenUp given_up(ctx);
  auto ran = co_await pool.Run([&]() -> std::optional<Answer> {
    if (given_up.happened()) return std::nullopt;
    return work();
  });
  if (!ran) co_return std::unexpected(std::move(ran).error());
  if (!*ran) {
    co_return std::unexpected(WhyCancelled(
        ctx.cancel().reason(),
        Error(Code::kCancelled, "CANCELLED", "the call was given up before it was begun")));
  }
  co_return **std::move(ran);
}

}  // namespace prism::gateway

// One call of a Redis connection, as coroutines await it.
#pragma once

#include <coroutine>
#include <optional>
#include <utility>

#include "backends/redis/pipeline.h"
#include "base/clock.h"
#include "base/status.h"
#include "runtime/cancel.h"
#include "runtime/mailbox.h"
#include "runtime/shard.h"
#include "runtime/timer_wheel.h"

namespace prism::backends {

class RedisConnection;

// Made by RedisConnection::Call and awaited once. Ends by the reply, the deadline, the cancellation
// or the connection, whichever comes first; the coroutine goes on from the loop.
class [[nodiscard]] RedisCall final : public PipelinedRequest,
                                      private runtime::Timer,
                                      private runtime::CancelCallback,
                                      private runtime::MailboxItem {
 public:
  RedisCall(RedisConnection& connection, RespCommand command, ReplySink& sink, MonoNanos deadline,
            runtime::CancelSource* cancel)
      : PipelinedRequest(command, sink),
        connection_(connection),
        deadline_(deadline),
        cancel_(cancel) {}

  // Part of the login of the connection itself.
  RedisCall&& AsLogin() && {
    login_ = true;
    return std::move(*this);
  }

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> caller);
  Status await_resume() { return std::move(status_); }

 private:
  void OnEnd(Status status) override;
  void OnTimer() override { GiveUp(runtime::CancelReason::kDeadline); }
  void OnCancel(runtime::CancelReason reason) override { GiveUp(reason); }
  void Run() override { caller_.resume(); }
  void GiveUp(runtime::CancelReason reason);
  void Finish(Status status);

  RedisConnection& connection_;
  MonoNanos deadline_;
  runtime::CancelSource* cancel_;
  std::coroutine_handle<> caller_ = nullptr;
  Status status_;
  bool login_ = false;
};

}  // namespace prism::backends

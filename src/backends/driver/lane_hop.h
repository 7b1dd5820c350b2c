// A call that is made on another shard: what travels between the two, and in which order.
#pragma once

#include <coroutine>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include "runtime/cancel.h"
#include "runtime/mailbox.h"
#include "runtime/shard.h"
#include "runtime/task.h"
#include "runtime/task_group.h"

namespace prism::backends {

class LaneHop;

// What is done on the other shard.
class LaneGuest {
 public:
  // On the other shard: begins, and tells `hop` when it is done.
  virtual void Begin(LaneHop& hop, runtime::CancelSource& cancel) = 0;

 protected:
  ~LaneGuest() = default;
};

// co_await hop: posts the guest to the other shard and continues here when it is done. A
// cancellation here becomes one there, by a message; the caller goes on only when that message has
// come back as well, so that nothing of its frame is used any more. Lives in the caller's frame.
class LaneHop final : private runtime::CancelCallback {
 public:
  LaneHop(runtime::Shard& there, LaneGuest& guest, runtime::CancelSource* cancel)
      : here_(*runtime::Shard::Current()), there_(there), guest_(guest), cancel_(cancel) {}
  LaneHop(const LaneHop&) = delete;
  LaneHop& operator=(const LaneHop&) = delete;

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> caller);
  void await_resume() const {}

  // On the other shard, once: nothing of the guest runs there any more.
  void Done() { here_.Post(done_); }

 private:
  // A message that runs a member.
  template <void (LaneHop::*kRun)()>
  class Message final : public runtime::MailboxItem {
   public:
    explicit Message(LaneHop& hop) : hop_(hop) {}
    void Run() override { (hop_.*kRun)(); }

   private:
    LaneHop& hop_;
  };

  void OnCancel(runtime::CancelReason reason) override;
  void Arrive() { guest_.Begin(*this, cancel_there_); }
  void CancelThere();
  void ComeBack();
  void CancelCameBack();

  runtime::Shard& here_;
  runtime::Shard& there_;
  LaneGuest& guest_;
  runtime::CancelSource* cancel_;
  runtime::CancelSource cancel_there_;  // used on the other shard alone
  runtime::CancelReason reason_ = runtime::CancelReason::kNone;
  Message<&LaneHop::Arrive> arrive_{*this};
  Message<&LaneHop::CancelThere> cancelled_{*this};
  Message<&LaneHop::ComeBack> done_{*this};
  Message<&LaneHop::CancelCameBack> cancel_done_{*this};
  int outstanding_ = 1;  // messages that have to come back here
  std::coroutine_handle<> caller_ = nullptr;
};

// A call of Lanes::Run that hops.
template <class Lanes, class Call>
class LaneVisit final : public LaneGuest {
 public:
  LaneVisit(Lanes& lanes, Call& call) : lanes_(lanes), call_(call) {}
  LaneVisit(const LaneVisit&) = delete;
  LaneVisit& operator=(const LaneVisit&) = delete;

  auto Take() && { return *std::move(value_); }

 private:
  void Begin(LaneHop& hop, runtime::CancelSource& cancel) override {
    runtime::Shard& shard = *runtime::Shard::Current();
    lanes_.places_[static_cast<std::size_t>(shard.id())]->guests.Spawn(Work(this, &hop, &cancel));
  }
  using Value = typename std::invoke_result_t<Call&, typename Lanes::LaneType&,
                                              runtime::CancelSource*>::value_type;

  static runtime::Task<void> Work(LaneVisit* self, LaneHop* hop, runtime::CancelSource* cancel) {
    auto& lane = self->lanes_.LaneOf(*runtime::Shard::Current());
    Value value = co_await self->call_(lane, cancel);
    self->value_.emplace(std::move(value));
    hop->Done();
  }

  Lanes& lanes_;
  Call& call_;
  std::optional<Value> value_;
};

}  // namespace prism::backends

#include "branching/branches/ticket.h"

namespace prism::branching {

runtime::Task<Ticket::Outcome> Ticket::Wait(runtime::CancelSource* cancel) {
  const runtime::WaitResult result = co_await done_.For(runtime::kNoDeadline, cancel);
  if (result == runtime::WaitResult::kReady) co_return *std::move(outcome_);
  left_ = true;
  co_return std::unexpected(Refuse(waits_for_.load(), branch_));
}

void Ticket::Resolve(Outcome outcome) {
  shard_.Post([self = shared_from_this(), outcome = std::move(outcome)]() mutable {
    if (self->left_) return;
    self->outcome_ = std::move(outcome);
    self->done_.Set();
  });
}

}  // namespace prism::branching

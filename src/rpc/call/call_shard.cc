#include "rpc/call/call_shard.h"

#include <utility>

#include "rpc/call/call.h"

namespace prism::rpc {

CallShard::CallShard(runtime::Shard& shard, Dispatcher& dispatcher, const ServerLimits& limits,
                     Cors cors)
    : shard_(shard),
      dispatcher_(dispatcher),
      limits_(limits),
      cors_(std::move(cors)),
      // The other half is for whoever has the turn.
      memory_(limits.max_buffered_bytes / 2, limits.max_message_bytes) {}

CallShard::~CallShard() = default;

Call& CallShard::Acquire() {
  if (pool_.empty()) return *new Call(*this);
  Call& call = *pool_.back().release();
  pool_.pop_back();
  pooled_bytes_ -= call.kept_bytes();
  return call;
}

void CallShard::Release(Call& call) {
  std::unique_ptr<Call> owned(&call);
  const std::size_t bytes = call.kept_bytes();
  if (pool_.size() >= kMaxPooled || pooled_bytes_ + bytes > kMaxPooledBytes) return;
  pooled_bytes_ += bytes;
  pool_.push_back(std::move(owned));
}

void CallShard::Queue(Call& call) { ready_.push_back(&call); }

void CallShard::RunReady() {
  if (running_ready_) return;
  running_ready_ = true;
  for (std::size_t i = 0; i < ready_.size(); ++i) ready_[i]->RunReady();
  ready_.clear();
  running_ready_ = false;
}

}  // namespace prism::rpc

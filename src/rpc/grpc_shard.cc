#include "rpc/grpc_shard.h"

#include "rpc/grpc_call.h"

namespace prism::rpc {

GrpcShard::GrpcShard(runtime::Shard& shard, Dispatcher& dispatcher, const ServerLimits& limits)
    : shard_(shard), dispatcher_(dispatcher), limits_(limits) {}

GrpcShard::~GrpcShard() = default;

GrpcCall& GrpcShard::Acquire() {
  if (pool_.empty()) return *new GrpcCall(*this);
  GrpcCall& call = *pool_.back().release();
  pool_.pop_back();
  return call;
}

void GrpcShard::Release(GrpcCall& call) {
  std::unique_ptr<GrpcCall> owned(&call);
  if (pool_.size() < kMaxPooled) pool_.push_back(std::move(owned));
}

void GrpcShard::Queue(GrpcCall& call) { ready_.push_back(&call); }

void GrpcShard::RunReady() {
  if (running_ready_) return;
  running_ready_ = true;
  for (std::size_t i = 0; i < ready_.size(); ++i) ready_[i]->RunReady();
  ready_.clear();
  running_ready_ = false;
}

}  // namespace prism::rpc

#include "rpc/grpc_connection.h"

#include <utility>

#include "rpc/nghttp2_codec.h"

namespace prism::rpc {
namespace {

Http2Limits CodecLimits(const ServerLimits& limits) {
  return {.max_concurrent_streams = limits.max_concurrent_streams,
          .max_header_list_bytes = limits.max_header_list_bytes};
}

}  // namespace

GrpcConnection::GrpcConnection(GrpcShard& shard, OutputListener& output, std::string peer)
    : shard_(shard),
      output_(output),
      peer_(std::move(peer)),
      codec_(MakeNghttp2Codec(*this, CodecLimits(shard.limits()))),
      last_call_(shard.shard().turn_time()) {}

GrpcConnection::~GrpcConnection() {
  while (head_ != nullptr) {
    GrpcCall& call = *head_;
    Unlink(call);
    call.Detach();
  }
  codec_.reset();
  shard_.RunReady();
}

bool GrpcConnection::OnBytes(std::string_view bytes, MonoNanos now) {
  const bool open = codec_->OnBytes(bytes, now);
  shard_.RunReady();
  return open;
}

void GrpcConnection::Produce(std::string& out, std::size_t limit) {
  codec_->Produce(out, limit);
  shard_.RunReady();
}

HttpStream* GrpcConnection::OnStreamStart(std::int32_t) {
  // Calls whose client has given up count until their task has noticed: opening and resetting
  // streams does not get a peer more work in progress.
  if (call_count_ >= 2 * std::size_t{shard_.limits().max_concurrent_streams}) return nullptr;
  GrpcCall& call = shard_.Acquire();
  call.next_ = head_;
  call.prev_ = nullptr;
  if (head_ != nullptr) head_->prev_ = &call;
  head_ = &call;
  ++call_count_;
  last_call_ = shard_.shard().turn_time();
  call.Begin(*this);
  return &call;
}

void GrpcConnection::Unlink(GrpcCall& call) {
  (call.prev_ != nullptr ? call.prev_->next_ : head_) = call.next_;
  if (call.next_ != nullptr) call.next_->prev_ = call.prev_;
  call.next_ = nullptr;
  call.prev_ = nullptr;
  --call_count_;
}

// The answer to the ping behind the announcement: the client has seen it, so what it sent before is
// here. Until then it may rightly send new calls.
void GrpcConnection::OnPong() {
  if (announced_) FinishDrain();
}

void GrpcConnection::AnnounceDrain() {
  if (announced_) return;
  announced_ = true;
  codec_->AnnounceDrain();
  codec_->Ping();
  MarkOutput();
}

void GrpcConnection::FinishDrain() {
  if (draining_) return;
  draining_ = true;
  codec_->Drain();
  MarkOutput();
}

void GrpcConnection::Shutdown() {
  for (GrpcCall* call = head_; call != nullptr; call = call->next_) call->Shutdown();
  shard_.RunReady();
  FinishDrain();
}

void GrpcConnection::Ping() {
  codec_->Ping();
  MarkOutput();
}

}  // namespace prism::rpc

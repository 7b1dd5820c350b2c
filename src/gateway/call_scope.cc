#include "gateway/call_scope.h"

namespace prism::gateway {

CallScope::CallScope(ShardState& shard, const Route& route, rpc::ServerCall& call, WallMillis now)
    : shard_(shard), route_(route), call_(call), stream_(call.context()) {
  contract::CallContext& ctx = call.context();
  ctx.now = now;
  if (ctx.principal.empty()) ctx.principal = "anonymous";
  shard.EnterCall();
}

CallScope::~CallScope() {
  if (ns_ != nullptr) {
    stream_.Unlink();
    shard_.Leave(*ns_);
  }
  shard_.LeaveCall();
}

void CallScope::Enter(const Admitted& admitted) {
  ns_ = admitted.ns;
  shard_.Enter(*ns_);
  if (method().kind != contract::StreamKind::kUnary) stream_.Link(ns_->streams());
}

void CallScope::AnnounceDurability() {
  if (method().access != contract::Access::kWrite || ns_ == nullptr) return;
  const auto level = context().durability.value_or(ns_->entry().durability);
  call_.AddHeader("prism-durability", contract::DurabilityName(level));
}

void CallScope::Respond(const google::protobuf::Message& response) {
  if (method().kind == contract::StreamKind::kUnary) AnnounceDurability();
  call_.Respond(response);
  End(Code::kOk);
}

void CallScope::Finish() {
  call_.Finish();
  End(Code::kOk);
}

void CallScope::Fail(Error error) {
  const runtime::CancelReason reason = context().cancel().reason();
  if (reason != runtime::CancelReason::kNone) error = WhyCancelled(reason, std::move(error));
  const Code code = error.code();
  call_.Fail(error);
  End(code);
}

void CallScope::End(Code code) {
  const MonoNanos now = MonotonicNow();
  shard_.Advance(now);
  shard_.method_metrics(route_.ordinal).Count(code, now - context().arrival);
  if (ns_ != nullptr) ns_->metrics().Count(code);
}

}  // namespace prism::gateway

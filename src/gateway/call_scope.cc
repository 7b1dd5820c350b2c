#include "gateway/call_scope.h"

#include "gateway/session.h"

namespace prism::gateway {

CallScope::CallScope(ShardState& shard, const Route& route, rpc::ServerCall& call, WallMillis now)
    : shard_(shard), route_(route), call_(call), stream_(call) {
  contract::CallContext& ctx = call.context();
  ctx.now = now;
  if (ctx.principal.empty()) ctx.principal = "anonymous";
  shard.EnterCall();
}

CallScope::~CallScope() {
  stream_.Unlink();
  if (ns_ != nullptr) shard_.Leave(*ns_);
  shard_.LeaveCall();
}

void CallScope::Enter(const Admitted& admitted) {
  if (route_.namespace_service != nullptr) {
    visits_ = true;
    stream_.Link(shard_.streams());  // a call that waits is as good as a stream
    return;
  }
  ns_ = admitted.ns;
  shard_.Enter(*ns_);
  if (method().kind != contract::StreamKind::kUnary) stream_.Link(ns_->streams());
}

void CallScope::Follow(security::CallerRights& rights) {
  // A change that has begun is answered; what only reads may wait for minutes.
  const bool unary = method().kind == contract::StreamKind::kUnary;
  if (unary && method().access != contract::Access::kRead) return;
  stream_.Follow(rights);
  stream_.Link(shard_.streams());
}

void CallScope::AnnounceWrite() {
  if (method().access != contract::Access::kWrite || ns_ == nullptr) return;
  const auto level = context().durability.value_or(ns_->entry().durability);
  call_.AddHeader("prism-durability", contract::DurabilityName(level));
  if (ns_->entry().config.consistency == contract::Consistency::kCausal) [[unlikely]] {
    call_.AddHeader(kSessionHeader, SessionToken(context().now));
  }
}

void CallScope::Respond(const google::protobuf::Message& response) {
  if (method().kind == contract::StreamKind::kUnary) AnnounceWrite();
  call_.Respond(response);
  End(nullptr);
}

void CallScope::Finish() {
  call_.Finish();
  End(nullptr);
}

void CallScope::Fail(Error error) {
  const runtime::CancelReason reason = context().cancel().reason();
  if (stream_.why()) {
    error = *stream_.why();
  } else if (reason != runtime::CancelReason::kNone) {
    error = WhyCancelled(reason, std::move(error));
  }
  call_.Fail(error);
  End(&error);
}

void CallScope::End(const Error* error) {
  const MonoNanos now = MonotonicNow();
  shard_.Advance(now);
  const MonoNanos duration = now - context().arrival;
  const Code code = error == nullptr ? Code::kOk : error->code();
  shard_.method_metrics(route_.ordinal).Count(code, duration);
  ++shard_.protocols().requests[static_cast<std::size_t>(call_.protocol())];
  BoundNamespace* ns = visits_ ? shard_.Resolve(context().ns) : ns_;
  if (ns != nullptr) ns->metrics().Count(code);
  if (error != nullptr) [[unlikely]] {
    shard_.call_log().Failed(method(), call_, *error, now);
  }
  if (shard_.slow_log().IsSlow(duration)) [[unlikely]] {
    NoteSlow(error, now);
  }
}

void CallScope::NoteSlow(const Error* error, MonoNanos now) {
  const contract::CallContext& ctx = context();
  const rpc::CallAccount account = call_.account();
  const MonoNanos duration = JudgedDuration(method(), account, ctx.arrival, now);
  if (!shard_.slow_log().IsSlow(duration)) return;
  SlowRequest request{
      .time = ctx.now,
      .duration = duration,
      .method = method().label,
      .protocol = call_.protocol(),
      .code = error == nullptr ? Code::kOk : error->code(),
      .ns = std::string(ctx.ns),
      .reason = error == nullptr ? std::string() : std::string(error->reason()),
      .peer = std::string(call_.peer()),
      .request_id = std::string(ctx.request_id.text()),
      .trace_id = ctx.trace.active() ? std::string(ctx.trace.trace_id()) : std::string(),
      .bytes_in = account.bytes_in,
      .bytes_out = account.bytes_out};
  shard_.call_log().Slow(request, call_, now);
  shard_.slow_log().Add(std::move(request));
}

}  // namespace prism::gateway

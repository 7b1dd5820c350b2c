#include "gateway/call_scope.h"

#include <algorithm>

namespace prism::gateway {

namespace {

constexpr std::size_t kMaxRequestId = 128;

// A request id goes into logs, errors and headers: visible ASCII without quotes, and short.
bool IsSane(std::string_view id) {
  return !id.empty() && id.size() <= kMaxRequestId && std::ranges::all_of(id, [](char c) {
    return c > ' ' && c < 0x7F && c != '"' && c != '\\';
  });
}

}  // namespace

CallScope::CallScope(ShardState& shard, const Route& route, rpc::ServerCall& call, WallMillis now)
    : shard_(shard), route_(route), call_(call), stream_(call.context()) {
  contract::CallContext& ctx = call.context();
  ctx.now = now;
  if (ctx.principal.empty()) ctx.principal = "anonymous";
  const std::string_view id = call.Header("x-request-id");
  given_id_ = IsSane(id);
  if (given_id_) {
    ctx.request_id = id;
  } else {
    shard.MakeRequestId(made_id_);
    ctx.request_id = {made_id_, sizeof made_id_};
  }
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

void CallScope::EchoRequestId() {
  if (given_id_) call_.AddHeader("x-request-id", context().request_id);
}

void CallScope::Respond(const google::protobuf::Message& response) {
  EchoRequestId();
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
  call_.AddHeader("x-request-id", context().request_id);
  call_.Fail(std::move(error).With("request_id", std::string(context().request_id)));
  End(code);
}

void CallScope::End(Code code) {
  const MonoNanos now = MonotonicNow();
  shard_.Advance(now);
  shard_.method_metrics(route_.ordinal).Count(code, now - context().arrival);
  if (ns_ != nullptr) ns_->metrics().Count(code);
}

}  // namespace prism::gateway

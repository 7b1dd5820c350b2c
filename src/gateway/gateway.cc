#include "gateway/gateway.h"

#include <google/protobuf/message.h>

#include "contract/peek.h"
#include "gateway/call_scope.h"
#include "gateway/first_message.h"
#include "gateway/system_call.h"

namespace prism::gateway {

using google::protobuf::Message;

Gateway::Gateway(Parts parts, const ShardState::Options& options,
                 const std::shared_ptr<const security::Guard>& guard)
    : parts_(parts),
      states_(parts.shards, parts.methods.routes().size(), options, parts.log, guard) {}

Gateway::~Gateway() = default;

runtime::Task<void> Gateway::Serve(rpc::ServerCall& call) {
  ShardState& shard = states_.Here();
  const Route& route = parts_.methods.RouteOf(call.method());
  if (route.system_service != nullptr) return ServeSystem(shard, route, call);
  switch (route.method->kind) {
    case contract::StreamKind::kUnary:
    case contract::StreamKind::kServer:
      return ServeOneRequest(shard, route, call);
    case contract::StreamKind::kClient:
    case contract::StreamKind::kBidi:
      break;
  }
  return ServeClientStream(shard, route, call);
}

void Gateway::OnRefused(const contract::MethodInfo* method, rpc::ServerCall& call,
                        const Error& error) {
  states_.Here().NoteRefused(method, call, error);
}

Result<Admitted> Gateway::AdmitBytes(ShardState& shard, const Route& route, rpc::ServerCall& call) {
  if (shard.ShouldShed()) [[unlikely]] {
    shard.CountRejection(Rejection::kQueueDelay);
    return std::unexpected(Overloaded());
  }
  TRY_ASSIGN(const std::string_view ns, contract::PeekNamespace(call.request_bytes()));
  return Admit(shard, route, ns, call);
}

runtime::Task<void> Gateway::ServeOneRequest(ShardState& shard, const Route& route,
                                             rpc::ServerCall& call) {
  CallScope scope(shard, route, call, parts_.clock.Now());
  const contract::MethodInfo& method = *route.method;
  auto admitted = AdmitBytes(shard, route, call);
  if (!admitted) {
    scope.Fail(std::move(admitted).error());
    co_return;
  }
  scope.Enter(*admitted);
  const Message* request = ParseRequest(method, call);
  if (request == nullptr) {
    scope.Fail(Malformed(method));
    co_return;
  }
  if (method.kind == contract::StreamKind::kUnary) {
    Message* response = method.new_response(&call.context().arena());
    End(scope, co_await method.unary(admitted->service, call.context(), *request, *response),
        response);
  } else {
    scope.AnnounceWrite();
    End(scope, co_await method.server(admitted->service, call.context(), *request, call), nullptr);
  }
}

runtime::Task<void> Gateway::ServeClientStream(ShardState& shard, const Route& route,
                                               rpc::ServerCall& call) {
  CallScope scope(shard, route, call, parts_.clock.Now());
  const contract::MethodInfo& method = *route.method;
  Message* first = method.new_request(&call.context().arena());
  auto begun = co_await call.Read(*first);
  if (!begun) {
    scope.Fail(std::move(begun).error());
    co_return;
  }
  // A stream that ended before its first message names no namespace.
  const std::string ns = NamespaceOf(*first);
  auto admitted = Admit(shard, route, ns, call);
  if (!admitted) {
    scope.Fail(std::move(admitted).error());
    co_return;
  }
  scope.Enter(*admitted);
  FirstMessageSource source(call, *first);
  scope.AnnounceWrite();
  if (method.kind == contract::StreamKind::kClient) {
    Message* response = method.new_response(&call.context().arena());
    End(scope, co_await method.client(admitted->service, call.context(), source, *response),
        response);
  } else {
    End(scope, co_await method.bidi(admitted->service, call.context(), source, call), nullptr);
  }
}

// Health and reflection: of no namespace, exempt from admission, so that they answer under
// overload.
runtime::Task<void> Gateway::ServeSystem(ShardState& shard, const Route& route,
                                         rpc::ServerCall& call) {
  CallScope scope(shard, route, call, parts_.clock.Now());
  co_await RunSystemCall(scope, route, call);
}

}  // namespace prism::gateway

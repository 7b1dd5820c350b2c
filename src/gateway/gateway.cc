#include "gateway/gateway.h"

#include <fmt/format.h>
#include <google/protobuf/message.h>

#include <latch>

#include "contract/peek.h"
#include "gateway/call_scope.h"
#include "gateway/first_message.h"

namespace prism::gateway {

namespace {

using google::protobuf::Message;

// nullptr: the bytes are no such message.
Message* ParseRequest(const contract::MethodInfo& method, rpc::ServerCall& call) {
  Message* request = method.new_request(&call.context().arena());
  const std::string_view bytes = call.request_bytes();
  const bool parsed = request->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  return parsed ? request : nullptr;
}

Error Malformed(const contract::MethodInfo& method) {
  return Error(
      Code::kInvalidArgument, "MALFORMED_MESSAGE",
      fmt::format("the request of {} can't be parsed: it is damaged, of another type, or "
                  "holds a text that is not UTF-8; send what the .proto files of this server say",
                  method.path));
}

}  // namespace

Gateway::Gateway(Parts parts, const ShardState::Options& options,
                 const std::shared_ptr<const security::Guard>& guard)
    : parts_(parts) {
  for (int i = 0; i < parts_.shards.size(); ++i) {
    states_.push_back(std::make_unique<ShardState>(parts_.shards.at(i), parts_.shards.size(),
                                                   parts_.methods.routes().size(), options,
                                                   parts_.log, guard));
  }
}

Gateway::~Gateway() = default;

ShardState& Gateway::Here() const {
  return *states_[static_cast<std::size_t>(runtime::Shard::Current()->id())];
}

void Gateway::Publish(std::shared_ptr<const RoutingTable> table) {
  std::latch installed(static_cast<std::ptrdiff_t>(states_.size()));
  for (std::size_t i = 0; i < states_.size(); ++i) {
    parts_.shards.at(static_cast<int>(i)).Post([&installed, &table, state = states_[i].get()] {
      state->Install(table);
      installed.count_down();
    });
  }
  installed.wait();
}

void Gateway::UseGuard(const std::shared_ptr<const security::Guard>& guard) {
  std::latch used(static_cast<std::ptrdiff_t>(states_.size()));
  for (std::size_t i = 0; i < states_.size(); ++i) {
    parts_.shards.at(static_cast<int>(i)).Post([&used, &guard, state = states_[i].get()] {
      state->Use(guard);
      used.count_down();
    });
  }
  used.wait();
}

runtime::Task<void> Gateway::Serve(rpc::ServerCall& call) {
  ShardState& shard = Here();
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
  ShardState& shard = Here();
  const auto protocol = static_cast<std::size_t>(call.protocol());
  ++shard.protocols().refused[protocol][static_cast<std::size_t>(error.code())];
  shard.call_log().Refused(method, call, error);
}

void Gateway::SetSlowThreshold(MonoNanos threshold) {
  for (std::size_t i = 0; i < states_.size(); ++i) {
    parts_.shards.at(static_cast<int>(i)).Post([threshold, state = states_[i].get()] {
      state->slow_log().SetThreshold(threshold);
    });
  }
}

void Gateway::End(CallScope& scope, Status status, const Message* response) {
  if (!status) {
    scope.Fail(std::move(status).error());
  } else if (response != nullptr) {
    scope.Respond(*response);
  } else {
    scope.Finish();
  }
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
    scope.AnnounceDurability();
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
  scope.AnnounceDurability();
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
  const contract::MethodInfo& method = *route.method;
  const bool one_request =
      method.kind == contract::StreamKind::kUnary || method.kind == contract::StreamKind::kServer;
  const Message* request = one_request ? ParseRequest(method, call) : nullptr;
  if (one_request && request == nullptr) {
    scope.Fail(Malformed(method));
    co_return;
  }
  Message* response = method.new_response(&call.context().arena());
  Status status;
  switch (method.kind) {
    case contract::StreamKind::kUnary:
      status = co_await method.unary(route.system_service, call.context(), *request, *response);
      break;
    case contract::StreamKind::kServer:
      status = co_await method.server(route.system_service, call.context(), *request, call);
      break;
    case contract::StreamKind::kClient:
      status = co_await method.client(route.system_service, call.context(), call, *response);
      break;
    case contract::StreamKind::kBidi:
      status = co_await method.bidi(route.system_service, call.context(), call, call);
      break;
  }
  const bool one_response =
      method.kind == contract::StreamKind::kUnary || method.kind == contract::StreamKind::kClient;
  End(scope, std::move(status), one_response ? response : nullptr);
}

}  // namespace prism::gateway

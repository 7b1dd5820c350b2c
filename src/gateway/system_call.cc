#include "gateway/system_call.h"

#include <fmt/format.h>

#include <utility>

namespace prism::gateway {

using google::protobuf::Message;

const Message* ParseRequest(const contract::MethodInfo& method, rpc::ServerCall& call) {
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

void End(CallScope& scope, Status status, const Message* response) {
  if (!status) {
    scope.Fail(std::move(status).error());
  } else if (response != nullptr) {
    scope.Respond(*response);
  } else {
    scope.Finish();
  }
}

runtime::Task<Status> RunSystemCall(CallScope& scope, const Route& route, rpc::ServerCall& call) {
  const contract::MethodInfo& method = *route.method;
  contract::CallContext& ctx = call.context();
  const bool one_request =
      method.kind == contract::StreamKind::kUnary || method.kind == contract::StreamKind::kServer;
  const Message* request = one_request ? ParseRequest(method, call) : nullptr;
  if (one_request && request == nullptr) {
    Error malformed = Malformed(method);
    scope.Fail(malformed);
    co_return std::unexpected(std::move(malformed));
  }
  Message* response = method.new_response(&ctx.arena());
  Status status;
  switch (method.kind) {
    case contract::StreamKind::kUnary:
      status = co_await method.unary(route.system_service, ctx, *request, *response);
      break;
    case contract::StreamKind::kServer:
      status = co_await method.server(route.system_service, ctx, *request, call);
      break;
    case contract::StreamKind::kClient:
      status = co_await method.client(route.system_service, ctx, call, *response);
      break;
    case contract::StreamKind::kBidi:
      status = co_await method.bidi(route.system_service, ctx, call, call);
      break;
  }
  const bool one_response =
      method.kind == contract::StreamKind::kUnary || method.kind == contract::StreamKind::kClient;
  End(scope, status, one_response ? response : nullptr);
  co_return status;
}

}  // namespace prism::gateway

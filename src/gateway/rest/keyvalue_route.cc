#include "gateway/rest/keyvalue_route.h"

#include "gateway/rest/http_status.h"
#include "gateway/rest/keyvalue_call.h"
#include "gateway/rest/keyvalue_reply.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"

namespace prism::gateway {

namespace {

using google::protobuf::DynamicCastToGenerated;
namespace v1 = keyvalue::v1;

Error MethodUnsupported(rpc::ResourceReply& reply, std::string_view allowed,
                        std::string_view advice) {
  reply.AddHeader("allow", allowed);
  return Error(Code::kUnimplemented, "HTTP_METHOD_UNSUPPORTED", std::string(advice));
}

}  // namespace

Result<rpc::ResourceCall> KeyValueRoute::ToCall(const rpc::ResourceRequest& request,
                                                std::string& message,
                                                rpc::ResourceReply& reply) const {
  TRY_ASSIGN(const KeyValueTarget target, ParseKeyValueTarget(request.target));
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (!target.key) {
    if (reads) return CallOfList(request, target, message);
    return std::unexpected(MethodUnsupported(
        reply, "GET, HEAD",
        "the keys of a namespace can only be listed: name a key behind keyvalue/ to write it"));
  }
  if (reads) return CallOfGet(request, target, message, reply);
  if (request.method == "PUT") return CallOfPut(request, target, message, reply);
  if (request.method == "DELETE") return CallOfDelete(request, target, message);
  return std::unexpected(MethodUnsupported(
      reply, "GET, HEAD, PUT, DELETE",
      "a key is read with GET or HEAD, written as a whole with PUT, and removed with DELETE"));
}

Status KeyValueRoute::ToReply(const rpc::ResourceRequest& request,
                              const google::protobuf::Message& response,
                              rpc::ResourceReply& reply) const {
  if (const auto* got = DynamicCastToGenerated<v1::GetResponse>(&response)) {
    return ReplyToGet(request, *got, reply);
  }
  if (const auto* set = DynamicCastToGenerated<v1::SetResponse>(&response)) {
    return ReplyToSet(*set, reply);
  }
  if (const auto* swapped = DynamicCastToGenerated<v1::CompareAndSwapResponse>(&response)) {
    return ReplyToSwap(request, *swapped, reply);
  }
  if (const auto* removed = DynamicCastToGenerated<v1::DeleteResponse>(&response)) {
    return ReplyToDelete(removed->existed(), reply);
  }
  if (const auto* removed = DynamicCastToGenerated<v1::CompareAndDeleteResponse>(&response)) {
    const bool removes = request.headers.Find("if-none-match").empty();
    const std::string& current = removed->current().version();
    // Under "If-None-Match: *" there is nothing to remove, which is as it should be.
    const bool held = removed->deleted() || (!removes && current.empty());
    return held ? ReplyToDelete(removes, reply) : Mismatch(current, reply);
  }
  return ReplyToList(response, reply);
}

std::string_view KeyValueRoute::StatusOf(const Error& error) const { return ResourceStatus(error); }

}  // namespace prism::gateway

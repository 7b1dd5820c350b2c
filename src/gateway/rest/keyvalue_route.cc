#include "gateway/rest/keyvalue_route.h"

#include "gateway/rest/http_status.h"
#include "gateway/rest/keyvalue_call.h"

namespace prism::gateway {

namespace {

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

std::string_view KeyValueRoute::StatusOf(const Error& error) const { return ResourceStatus(error); }

}  // namespace prism::gateway

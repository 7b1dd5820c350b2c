// Answers of KeyValue as HTTP. Pure.
#pragma once

#include <string_view>

#include "rpc/resource_route.h"

namespace prism::keyvalue::v1 {
class CompareAndSwapResponse;
class GetResponse;
class SetResponse;
}  // namespace prism::keyvalue::v1

namespace prism::gateway {

// 200 with the value, 304 or 412 by the conditions of the request, 404 KEY_NOT_FOUND.
Status ReplyToGet(const rpc::ResourceRequest& request, const keyvalue::v1::GetResponse& response,
                  rpc::ResourceReply& reply);
// 204: whether the key was there before is not known.
Status ReplyToSet(const keyvalue::v1::SetResponse& response, rpc::ResourceReply& reply);
// 201 when the key was to be absent, 204 when it was to have a version, 412.
Status ReplyToSwap(const rpc::ResourceRequest& request,
                   const keyvalue::v1::CompareAndSwapResponse& response, rpc::ResourceReply& reply);
Status ReplyToDelete(bool existed, rpc::ResourceReply& reply);
// One line of JSON.
Status ReplyToList(const google::protobuf::Message& response, rpc::ResourceReply& reply);
// 412 with the ETag of what is there; empty: nothing.
Status Mismatch(std::string_view current_version, rpc::ResourceReply& reply);

}  // namespace prism::gateway

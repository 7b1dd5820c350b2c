// Answers of KeyValue as HTTP. Pure.
#pragma once

#include <google/protobuf/message.h>

#include "rpc/resource_route.h"

namespace prism::gateway {

// Each is the to_reply of the method that it is named after.

// 200 with the value, 304 or 412 by the conditions of the request, 404 KEY_NOT_FOUND.
Status ReplyToGet(const rpc::ResourceRequest& request, const google::protobuf::Message& response,
                  rpc::ResourceReply& reply);
// 204: whether the key was there before is not known.
Status ReplyToSet(const rpc::ResourceRequest& request, const google::protobuf::Message& response,
                  rpc::ResourceReply& reply);
// Of CompareAndSwap: 201 when the key was to be absent, 204 when it was to have a version, 412.
Status ReplyToSwap(const rpc::ResourceRequest& request, const google::protobuf::Message& response,
                   rpc::ResourceReply& reply);
// 204; a header says whether there was anything.
Status ReplyToDelete(const rpc::ResourceRequest& request, const google::protobuf::Message& response,
                     rpc::ResourceReply& reply);
// Of CompareAndDelete: 204 or 412, with the ETag of what is there.
Status ReplyToDeleteIf(const rpc::ResourceRequest& request,
                       const google::protobuf::Message& response, rpc::ResourceReply& reply);
// One line of JSON.
Status ReplyToList(const rpc::ResourceRequest& request, const google::protobuf::Message& response,
                   rpc::ResourceReply& reply);

}  // namespace prism::gateway

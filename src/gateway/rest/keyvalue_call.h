// Requests for resources of KeyValue as calls: each appends its request message, serialized. Pure.
#pragma once

#include <string>

#include "gateway/rest/keyvalue_target.h"
#include "rpc/resource_route.h"

namespace prism::gateway {

// GET and HEAD of a key: Get. Ranges are refused.
Result<rpc::ResourceCall> CallOfGet(const rpc::ResourceRequest& request,
                                    const KeyValueTarget& target, std::string& message,
                                    rpc::ResourceReply& reply);
// Set, or CompareAndSwap under a condition.
Result<rpc::ResourceCall> CallOfPut(const rpc::ResourceRequest& request,
                                    const KeyValueTarget& target, std::string& message,
                                    rpc::ResourceReply& reply);
// Delete, or CompareAndDelete under a condition.
Result<rpc::ResourceCall> CallOfDelete(const rpc::ResourceRequest& request,
                                       const KeyValueTarget& target, std::string& message);
// Scan. HEAD asks for one key at most: it shows nothing but whether the request is right.
Result<rpc::ResourceCall> CallOfList(const rpc::ResourceRequest& request,
                                     const KeyValueTarget& target, std::string& message);

}  // namespace prism::gateway

// The request message of a route from what HTTP has of it. Pure.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "base/status.h"
#include "contract/method.h"
#include "gateway/admin/route_template.h"
#include "rpc/resource_route.h"

namespace prism::gateway {

// Fills `message`, an empty request of the method: first from the body, then from the variables of
// the path, then from the query. Nothing is said twice: what differs is refused. The errors are
// those of AdminRoute::ToCall.
Status FillRequest(const contract::MethodInfo& method, const RouteTemplate::Values& values,
                   const rpc::ResourceRequest& request, google::protobuf::Message& message);

// PERMISSION_DENIED/ORIGIN_NOT_ALLOWED for what a page of another site asks for: browsers send such
// requests without being asked for them, and who is at this machine may be an administrator.
// `origin` and `authority` are the headers; no page has sent a request without the first.
Status CheckOrigin(std::string_view origin, std::string_view authority);

}  // namespace prism::gateway

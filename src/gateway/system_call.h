// Calls of the services that are part of the server itself.
#pragma once

#include <google/protobuf/message.h>

#include "base/status.h"
#include "gateway/call_scope.h"
#include "gateway/method_table.h"
#include "rpc/server.h"
#include "runtime/task.h"

namespace prism::gateway {

// The request of a call that has one, on its arena; nullptr: the bytes are no such message.
const google::protobuf::Message* ParseRequest(const contract::MethodInfo& method,
                                              rpc::ServerCall& call);
// What is said of those bytes.
Error Malformed(const contract::MethodInfo& method);
// Ends the call as its method did. nullptr: its answers, if any, went out as a stream.
void End(CallScope& scope, Status status, const google::protobuf::Message* response);

// Runs the method of route.system_service to its end, and tells how that was. Whether it may be
// called has been decided. All of them outlive the task.
runtime::Task<Status> RunSystemCall(CallScope& scope, const Route& route, rpc::ServerCall& call);

}  // namespace prism::gateway

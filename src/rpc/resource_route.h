// HTTP requests that name a resource instead of a method and carry it as it is:
// "PUT /v1/default/keyvalue/greeting" with the value as its body. A route turns such a request into
// a call, and the call's messages back into HTTP. What stands between (deadline, authorization,
// admission, metrics) is that of every call.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "base/status.h"
#include "contract/method.h"
#include "rpc/request_headers.h"

namespace prism::rpc {

// A complete request. Valid until its call has ended.
struct ResourceRequest {
  std::string_view method;  // "GET"
  std::string_view target;  // path and query, as sent
  std::string_view body;
  const RequestHeaders& headers;  // without content-type
  bool json = false;              // the content type is application/json
};

// Where a route writes its answer.
class ResourceReply {
 public:
  // A literal; "200" unless said. Before the first part only, like AddHeader.
  virtual void SetStatus(std::string_view status) = 0;
  virtual void AddHeader(std::string_view name, std::string_view value) = 0;
  virtual void AppendBody(std::string_view bytes) = 0;

 protected:
  ~ResourceReply() = default;
};

// What a request means. The streams of its method may be kUnary or kServer.
struct ResourceCall {
  const contract::MethodInfo* method;
  std::string_view content_type;  // of an answer that is no error; a literal
  // Writes one message of the method's answer: all of it, or a part of a stream. An error replaces
  // it, so nothing may have been appended to the body before; headers stay.
  Status (*to_reply)(const ResourceRequest& request, const google::protobuf::Message& response,
                     ResourceReply& reply);
};

// Implemented above this layer, one for each kind of resource. Called on the shard of the request's
// connection; has no state of its own.
class ResourceRoute {
 public:
  virtual ~ResourceRoute() = default;

  // Appends the request message of the call, serialized, to `message`. Errors are the answer.
  // Headers that are added to the reply are part of whatever answer follows.
  virtual Result<ResourceCall> ToCall(const ResourceRequest& request, std::string& message,
                                      ResourceReply& reply) const = 0;
  // The HTTP status of an error; a literal.
  virtual std::string_view StatusOf(const Error& error) const = 0;
};

}  // namespace prism::rpc

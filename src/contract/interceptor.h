// One shape for everything that wraps methods (shadow, resilience, migration, PII): one file each
// instead of one per interface.
#pragma once

#include <google/protobuf/message.h>

#include "base/status.h"
#include "contract/call_context.h"
#include "contract/method.h"
#include "contract/stream.h"
#include "runtime/task.h"

namespace prism::contract {

// Continues with the wrapped method. Valid during the Around call that received it.
class Next {
 public:
  virtual runtime::Task<Status> Run(CallContext& ctx, const Message& request,
                                    Message& response) = 0;

 protected:
  ~Next() = default;
};

class NextStream {
 public:
  virtual runtime::Task<Status> Run(CallContext& ctx, const Message& request,
                                    MessageSink& sink) = 0;

 protected:
  ~NextStream() = default;
};

// Thread rule: one object serves all shards; it must be thread-safe or stateless.
class Interceptor {
 public:
  virtual ~Interceptor() = default;
  virtual runtime::Task<Status> Around(CallContext& ctx, const MethodInfo& method,
                                       const Message& request, Message& response, Next& next) = 0;
  // Server streams pass straight through unless overridden.
  virtual runtime::Task<Status> AroundStream(CallContext& ctx, const MethodInfo& method,
                                             const Message& request, MessageSink& sink,
                                             NextStream& next);
};

}  // namespace prism::contract

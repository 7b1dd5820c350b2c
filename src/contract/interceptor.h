// One shape for everything that wraps methods (shadow, resilience, migration, PII): one file each
// instead of one per interface.
#pragma once

#include "base/status.h"
#include "contract/call_context.h"
#include "contract/method.h"
#include "contract/stream.h"
#include "runtime/task.h"

namespace prism::contract {

// Continue with the wrapped method, any number of times. Valid as long as the call.
class Next {
 public:
  virtual runtime::Task<Status> Run(CallContext& ctx, const Message& request,
                                    Message& response) = 0;

 protected:
  ~Next() = default;
};

class NextServerStream {
 public:
  virtual runtime::Task<Status> Run(CallContext& ctx, const Message& request,
                                    MessageSink& sink) = 0;

 protected:
  ~NextServerStream() = default;
};

class NextClientStream {
 public:
  virtual runtime::Task<Status> Run(CallContext& ctx, MessageSource& source, Message& response) = 0;

 protected:
  ~NextClientStream() = default;
};

class NextBidiStream {
 public:
  virtual runtime::Task<Status> Run(CallContext& ctx, MessageSource& source, MessageSink& sink) = 0;

 protected:
  ~NextBidiStream() = default;
};

// Life cycle: made when a namespace is bound, outlives every adaptor that leads calls through it.
// Thread rule: one object serves all shards; it must be thread-safe or stateless. Everything that
// the methods receive lives as long as the call.
class Interceptor {
 public:
  virtual ~Interceptor() = default;

  virtual runtime::Task<Status> Around(CallContext& ctx, const MethodInfo& method,
                                       const Message& request, Message& response, Next& next) = 0;
  // Streams pass straight through unless overridden.
  virtual runtime::Task<Status> AroundServerStream(CallContext& ctx, const MethodInfo& method,
                                                   const Message& request, MessageSink& sink,
                                                   NextServerStream& next);
  virtual runtime::Task<Status> AroundClientStream(CallContext& ctx, const MethodInfo& method,
                                                   MessageSource& source, Message& response,
                                                   NextClientStream& next);
  virtual runtime::Task<Status> AroundBidiStream(CallContext& ctx, const MethodInfo& method,
                                                 MessageSource& source, MessageSink& sink,
                                                 NextBidiStream& next);
};

// One interface object with an interceptor around it; InterfaceInfo::intercept makes it.
class Intercepted {
 public:
  virtual ~Intercepted() = default;
  // The pointer to the interface class, as MethodInfo's call functions take it.
  virtual void* service() = 0;
};

}  // namespace prism::contract

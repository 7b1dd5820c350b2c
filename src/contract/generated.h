// What generated code is made of: the few templates behind the tables, and the way from an adaptor
// into its interceptor. Included by generated sources only.
#pragma once

#include <google/protobuf/arena.h>
#include <google/protobuf/message.h>

#include <memory>

#include "base/status.h"
#include "contract/call_context.h"
#include "contract/interceptor.h"
#include "contract/method.h"
#include "contract/stream.h"
#include "runtime/task.h"

namespace prism::contract {

namespace internal {

// Takes the signature of an interface method apart.
template <class Method>
struct Signature;

template <class I, class Request, class Response>
struct Signature<runtime::Task<Status> (I::*)(CallContext&, const Request&, Response&)> {
  using Interface = I;
  using RequestType = Request;
  using ResponseType = Response;
};
template <class I, class Request, class Response>
struct Signature<runtime::Task<Status> (I::*)(CallContext&, const Request&, Sink<Response>)> {
  using Interface = I;
  using RequestType = Request;
  using ResponseType = Response;
};
template <class I, class Request, class Response>
struct Signature<runtime::Task<Status> (I::*)(CallContext&, Source<Request>, Response&)> {
  using Interface = I;
  using RequestType = Request;
  using ResponseType = Response;
};
template <class I, class Request, class Response>
struct Signature<runtime::Task<Status> (I::*)(CallContext&, Source<Request>, Sink<Response>)> {
  using Interface = I;
  using RequestType = Request;
  using ResponseType = Response;
};

}  // namespace internal

template <class T>
Message* NewMessage(google::protobuf::Arena* arena) {
  return google::protobuf::Arena::CreateMessage<T>(arena);
}

// From the untyped call to the typed virtual function. They are no coroutines: a call costs the
// frame of the method and nothing else.
template <auto kMethod>
runtime::Task<Status> CallUnary(void* service, CallContext& ctx, const Message& request,
                                Message& response) {
  using S = internal::Signature<decltype(kMethod)>;
  return (static_cast<typename S::Interface*>(service)->*kMethod)(
      ctx, static_cast<const typename S::RequestType&>(request),
      static_cast<typename S::ResponseType&>(response));
}

template <auto kMethod>
runtime::Task<Status> CallServer(void* service, CallContext& ctx, const Message& request,
                                 MessageSink& sink) {
  using S = internal::Signature<decltype(kMethod)>;
  return (static_cast<typename S::Interface*>(service)->*kMethod)(
      ctx, static_cast<const typename S::RequestType&>(request),
      Sink<typename S::ResponseType>(sink));
}

template <auto kMethod>
runtime::Task<Status> CallClient(void* service, CallContext& ctx, MessageSource& source,
                                 Message& response) {
  using S = internal::Signature<decltype(kMethod)>;
  return (static_cast<typename S::Interface*>(service)->*kMethod)(
      ctx, Source<typename S::RequestType>(source),
      static_cast<typename S::ResponseType&>(response));
}

template <auto kMethod>
runtime::Task<Status> CallBidi(void* service, CallContext& ctx, MessageSource& source,
                               MessageSink& sink) {
  using S = internal::Signature<decltype(kMethod)>;
  return (static_cast<typename S::Interface*>(service)->*kMethod)(
      ctx, Source<typename S::RequestType>(source), Sink<typename S::ResponseType>(sink));
}

template <class I, class Adaptor>
std::unique_ptr<Intercepted> MakeIntercepted(void* inner, Interceptor& interceptor) {
  return std::make_unique<Adaptor>(*static_cast<I*>(inner), interceptor);
}

// Lead one call of `method` on `inner` through the interceptor. What continues with the method
// lives on the call's arena, so that no coroutine frame is needed to hold it.
runtime::Task<Status> InterceptUnary(Interceptor& interceptor, const MethodInfo& method,
                                     void* inner, CallContext& ctx, const Message& request,
                                     Message& response);
runtime::Task<Status> InterceptServer(Interceptor& interceptor, const MethodInfo& method,
                                      void* inner, CallContext& ctx, const Message& request,
                                      MessageSink& sink);
runtime::Task<Status> InterceptClient(Interceptor& interceptor, const MethodInfo& method,
                                      void* inner, CallContext& ctx, MessageSource& source,
                                      Message& response);
runtime::Task<Status> InterceptBidi(Interceptor& interceptor, const MethodInfo& method, void* inner,
                                    CallContext& ctx, MessageSource& source, MessageSink& sink);

}  // namespace prism::contract

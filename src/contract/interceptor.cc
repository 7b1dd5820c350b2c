#include "contract/interceptor.h"

#include <google/protobuf/arena.h>

#include <type_traits>

#include "contract/generated.h"

namespace prism::contract {

namespace {

// All four continuations of one method on one object.
class MethodNext final : public Next,
                         public NextServerStream,
                         public NextClientStream,
                         public NextBidiStream {
 public:
  MethodNext(const MethodInfo& method, void* inner) : method_(method), inner_(inner) {}

  runtime::Task<Status> Run(CallContext& ctx, const Message& request, Message& response) override {
    return method_.unary(inner_, ctx, request, response);
  }
  runtime::Task<Status> Run(CallContext& ctx, const Message& request, MessageSink& sink) override {
    return method_.server(inner_, ctx, request, sink);
  }
  runtime::Task<Status> Run(CallContext& ctx, MessageSource& source, Message& response) override {
    return method_.client(inner_, ctx, source, response);
  }
  runtime::Task<Status> Run(CallContext& ctx, MessageSource& source, MessageSink& sink) override {
    return method_.bidi(inner_, ctx, source, sink);
  }

 private:
  const MethodInfo& method_;
  void* inner_;
};
static_assert(std::is_trivially_destructible_v<MethodNext>, "the arena would have to remember it");

MethodNext& MakeNext(CallContext& ctx, const MethodInfo& method, void* inner) {
  return *google::protobuf::Arena::Create<MethodNext>(&ctx.arena(), method, inner);
}

}  // namespace

runtime::Task<Status> Interceptor::AroundServerStream(CallContext& ctx, const MethodInfo&,
                                                      const Message& request, MessageSink& sink,
                                                      NextServerStream& next) {
  return next.Run(ctx, request, sink);
}

runtime::Task<Status> Interceptor::AroundClientStream(CallContext& ctx, const MethodInfo&,
                                                      MessageSource& source, Message& response,
                                                      NextClientStream& next) {
  return next.Run(ctx, source, response);
}

runtime::Task<Status> Interceptor::AroundBidiStream(CallContext& ctx, const MethodInfo&,
                                                    MessageSource& source, MessageSink& sink,
                                                    NextBidiStream& next) {
  return next.Run(ctx, source, sink);
}

runtime::Task<Status> InterceptUnary(Interceptor& interceptor, const MethodInfo& method,
                                     void* inner, CallContext& ctx, const Message& request,
                                     Message& response) {
  return interceptor.Around(ctx, method, request, response, MakeNext(ctx, method, inner));
}

runtime::Task<Status> InterceptServer(Interceptor& interceptor, const MethodInfo& method,
                                      void* inner, CallContext& ctx, const Message& request,
                                      MessageSink& sink) {
  return interceptor.AroundServerStream(ctx, method, request, sink, MakeNext(ctx, method, inner));
}

runtime::Task<Status> InterceptClient(Interceptor& interceptor, const MethodInfo& method,
                                      void* inner, CallContext& ctx, MessageSource& source,
                                      Message& response) {
  return interceptor.AroundClientStream(ctx, method, source, response,
                                        MakeNext(ctx, method, inner));
}

runtime::Task<Status> InterceptBidi(Interceptor& interceptor, const MethodInfo& method, void* inner,
                                    CallContext& ctx, MessageSource& source, MessageSink& sink) {
  return interceptor.AroundBidiStream(ctx, method, source, sink, MakeNext(ctx, method, inner));
}

}  // namespace prism::contract

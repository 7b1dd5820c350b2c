// Calls of every kind through the generated tables, plain and with an interceptor around them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "codegen/toy.pb.h"
#include "codegen/toy.prism.h"
#include "contract/interceptor.h"
#include "contract/method.h"
#include "toy_backend.h"
#include "toy_streams.h"

namespace prism::toy {
namespace {

using contract::Access;
using contract::CallContext;
using contract::InterfaceInfo;
using contract::Message;
using contract::MessageSink;
using contract::MessageSource;
using contract::MethodInfo;
using contract::Retry;
using contract::StreamKind;
using testing::ElementsAre;
using v1::ToyBasic;
using v1::ToyFlow;

const MethodInfo& Method(const InterfaceInfo& info, std::string_view name) {
  for (const MethodInfo& method : info.methods) {
    if (method.name == name) return method;
  }
  ADD_FAILURE() << "no method " << name;
  std::abort();
}

TEST(ToyTable, SaysWhatTheProtoSays) {
  const InterfaceInfo& basic = ToyBasic::kInterface;
  EXPECT_EQ(basic.id, "toy_basic");
  EXPECT_EQ(basic.model, "toy");
  EXPECT_EQ(basic.service, "prism.toy.v1.ToyBasic");
  ASSERT_EQ(basic.methods.size(), 2u);

  const MethodInfo& echo = basic.methods[0];
  EXPECT_EQ(echo.path, "/prism.toy.v1.ToyBasic/Echo");
  EXPECT_EQ(echo.name, "Echo");
  EXPECT_EQ(echo.label, "toy_basic.echo");
  EXPECT_EQ(echo.interface, &basic);
  EXPECT_EQ(echo.index, 0);
  EXPECT_EQ(echo.kind, StreamKind::kUnary);
  EXPECT_EQ(echo.access, Access::kRead);
  EXPECT_EQ(echo.retry, Retry::kAlways);
  EXPECT_EQ(echo.rest, "GET /v1/{namespace}/toys/{word}");

  const MethodInfo& keep = basic.methods[1];
  EXPECT_EQ(keep.label, "toy_basic.keep_word");
  EXPECT_EQ(keep.index, 1);
  EXPECT_EQ(keep.access, Access::kWrite);
  EXPECT_EQ(keep.retry, Retry::kWithRequestId);
  EXPECT_EQ(keep.rest, "");

  EXPECT_EQ(Method(ToyFlow::kInterface, "Repeat").kind, StreamKind::kServer);
  EXPECT_EQ(Method(ToyFlow::kInterface, "Join").kind, StreamKind::kClient);
  EXPECT_EQ(Method(ToyFlow::kInterface, "Join").retry, Retry::kNever);
  EXPECT_EQ(Method(ToyFlow::kInterface, "Relay").kind, StreamKind::kBidi);
}

TEST(ToyTable, AServiceThatIsNoDataInterfaceHasNoId) {
  const InterfaceInfo& admin = v1::ToyAdmin::kInterface;
  EXPECT_EQ(admin.id, "");
  EXPECT_EQ(admin.model, "");
  EXPECT_EQ(admin.methods[0].label, "prism.toy.v1.toy_admin.ping");
}

TEST(ToyTable, MakesTheMessagesOfTheMethod) {
  google::protobuf::Arena arena;
  const MethodInfo& method = Method(ToyFlow::kInterface, "Repeat");
  Message* request = method.new_request(&arena);
  EXPECT_EQ(request->GetTypeName(), "prism.toy.v1.RepeatRequest");
  EXPECT_EQ(request->GetArena(), &arena);
  EXPECT_EQ(method.new_response(&arena)->GetTypeName(), "prism.toy.v1.RepeatResponse");
}

TEST(ToyManifest, IsTheListOfBases) {
  ToyBackend backend;
  EXPECT_THAT(backend.Interfaces(), ElementsAre(&ToyBasic::kInterface, &ToyFlow::kInterface));
  EXPECT_EQ(backend.Find(ToyBasic::kInterface), static_cast<ToyBasic*>(&backend));
  EXPECT_EQ(backend.Find(ToyFlow::kInterface), static_cast<ToyFlow*>(&backend));
  EXPECT_EQ(backend.Find(v1::ToyAdmin::kInterface), nullptr);
}

// The same calls on the object itself and on an adaptor must do the same.
class ToyCalls {
 public:
  ToyCalls(void* basic, void* flow) : basic_(basic), flow_(flow) {}

  std::string Echo(const std::string& word) {
    Call call;
    v1::EchoRequest request;
    request.set_word(word);
    v1::EchoResponse response;
    call.Start(Method(ToyBasic::kInterface, "Echo").unary(basic_, call.ctx, request, response));
    EXPECT_TRUE(call.status && *call.status);
    return response.word();
  }

  Status Keep(const std::string& word) {
    Call call;
    v1::KeepWordRequest request;
    request.set_word(word);
    v1::KeepWordResponse response;
    call.Start(Method(ToyBasic::kInterface, "KeepWord").unary(basic_, call.ctx, request, response));
    return call.status.value();
  }

  Status Repeat(const std::string& word, int times, RecordingSink& sink) {
    Call call;
    v1::RepeatRequest request;
    request.set_word(word);
    request.set_times(times);
    call.Start(Method(ToyFlow::kInterface, "Repeat").server(flow_, call.ctx, request, sink));
    while (sink.waiting()) sink.Release();
    return call.status.value();
  }

  std::string Join(std::deque<std::string> words) {
    Call call;
    WordSource source(std::move(words));
    v1::JoinResponse response;
    call.Start(Method(ToyFlow::kInterface, "Join").client(flow_, call.ctx, source, response));
    EXPECT_TRUE(call.status && *call.status);
    return response.text();
  }

  std::vector<std::string> Relay(std::deque<std::string> words) {
    Call call;
    WordSource source(std::move(words));
    RecordingSink sink(true);
    call.Start(Method(ToyFlow::kInterface, "Relay").bidi(flow_, call.ctx, source, sink));
    while (sink.waiting()) sink.Release();
    EXPECT_TRUE(call.status && *call.status);
    return sink.words;
  }

 private:
  void* basic_;
  void* flow_;
};

void ExpectAllKindsWork(ToyCalls& calls) {
  EXPECT_EQ(calls.Echo("hello"), "hello");
  EXPECT_TRUE(calls.Keep("kept"));
  const Status refused = calls.Keep("");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "WORD_EMPTY");

  RecordingSink sink;
  EXPECT_TRUE(calls.Repeat("again", 3, sink));
  EXPECT_THAT(sink.words, ElementsAre("again", "again", "again"));

  EXPECT_EQ(calls.Join({"a", "b", "c"}), "abc");
  EXPECT_THAT(calls.Relay({"x", "y"}), ElementsAre("x", "y"));
}

TEST(ToyCall, EveryKindReachesTheBackend) {
  const auto backend = MakeToyBackend();
  ToyCalls calls(backend->Find(ToyBasic::kInterface), backend->Find(ToyFlow::kInterface));
  ExpectAllKindsWork(calls);
  EXPECT_THAT(backend->kept(), ElementsAre("kept"));
}

TEST(ToyCall, AStreamWaitsForItsReaderAndEndsWithItsError) {
  const auto backend = MakeToyBackend();
  ToyCalls calls(backend->Find(ToyBasic::kInterface), backend->Find(ToyFlow::kInterface));
  RecordingSink slow(true);
  EXPECT_TRUE(calls.Repeat("again", 3, slow));
  EXPECT_EQ(slow.words.size(), 3u);

  RecordingSink short_lived(true);
  short_lived.capacity = 2;
  const Status status = calls.Repeat("again", 3, short_lived);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), Code::kCancelled);
  EXPECT_EQ(short_lived.words.size(), 2u);
}

// Writes down every call, in all four shapes.
class Recorder final : public contract::Interceptor {
 public:
  runtime::Task<Status> Around(CallContext& ctx, const MethodInfo& method, const Message& request,
                               Message& response, contract::Next& next) override {
    seen.emplace_back(method.label);
    Status status = co_await next.Run(ctx, request, response);
    seen.emplace_back(status ? "ok" : std::string(status.error().reason()));
    co_return status;
  }
  runtime::Task<Status> AroundServerStream(CallContext& ctx, const MethodInfo& method,
                                           const Message& request, MessageSink& sink,
                                           contract::NextServerStream& next) override {
    seen.emplace_back(method.label);
    co_return co_await next.Run(ctx, request, sink);
  }
  runtime::Task<Status> AroundClientStream(CallContext& ctx, const MethodInfo& method,
                                           MessageSource& source, Message& response,
                                           contract::NextClientStream& next) override {
    seen.emplace_back(method.label);
    co_return co_await next.Run(ctx, source, response);
  }
  runtime::Task<Status> AroundBidiStream(CallContext& ctx, const MethodInfo& method,
                                         MessageSource& source, MessageSink& sink,
                                         contract::NextBidiStream& next) override {
    seen.emplace_back(method.label);
    co_return co_await next.Run(ctx, source, sink);
  }

  std::vector<std::string> seen;
};

TEST(ToyInterceptor, IsAroundEveryKind) {
  const auto backend = MakeToyBackend();
  Recorder recorder;
  const auto basic = ToyBasic::kInterface.intercept(backend->Find(ToyBasic::kInterface), recorder);
  const auto flow = ToyFlow::kInterface.intercept(backend->Find(ToyFlow::kInterface), recorder);
  ToyCalls calls(basic->service(), flow->service());
  ExpectAllKindsWork(calls);
  EXPECT_THAT(recorder.seen, ElementsAre("toy_basic.echo", "ok", "toy_basic.keep_word", "ok",
                                         "toy_basic.keep_word", "WORD_EMPTY", "toy_flow.repeat",
                                         "toy_flow.join", "toy_flow.relay"));
}

// Overrides only what it must.
class Twice final : public contract::Interceptor {
 public:
  runtime::Task<Status> Around(CallContext& ctx, const MethodInfo&, const Message& request,
                               Message& response, contract::Next& next) override {
    CO_TRY(co_await next.Run(ctx, request, response));
    co_return co_await next.Run(ctx, request, response);
  }
};

TEST(ToyInterceptor, MayRunTheMethodAgainAndLetsStreamsPass) {
  const auto backend = MakeToyBackend();
  Twice twice;
  v1::ToyBasicIntercepted basic(*backend, twice);
  v1::ToyFlowIntercepted flow(*backend, twice);
  ToyCalls calls(basic.service(), flow.service());
  EXPECT_TRUE(calls.Keep("word"));
  EXPECT_THAT(backend->kept(), ElementsAre("word", "word"));
  ExpectAllKindsWork(calls);
}

TEST(ToyInterceptor, Nests) {
  const auto backend = MakeToyBackend();
  Recorder inner;
  Recorder outer;
  const auto first = ToyBasic::kInterface.intercept(backend->Find(ToyBasic::kInterface), inner);
  const auto second = ToyBasic::kInterface.intercept(first->service(), outer);
  ToyCalls calls(second->service(), nullptr);
  EXPECT_EQ(calls.Echo("deep"), "deep");
  EXPECT_EQ(inner.seen, outer.seen);
  EXPECT_THAT(inner.seen, ElementsAre("toy_basic.echo", "ok"));
}

}  // namespace
}  // namespace prism::toy

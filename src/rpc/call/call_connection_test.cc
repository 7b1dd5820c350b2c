#include "rpc/call/call_connection.h"

#include <gtest/gtest.h>

#include "rpc/testing/wire.h"
#include "rpc/wire/gzip.h"

namespace prism::rpc {
namespace {

using testing::EchoDispatcher;
using testing::Framed;
using testing::Serialized;
using testing::Wire;

// The reason of a call that must have failed.
std::string Reason(const Wire& wire, std::int32_t id) {
  const Status status = wire.End(id);
  return status ? "OK" : std::string(status.error().reason());
}

TEST(CallConnection, AnswersAUnaryCallHoweverItsBytesAreCut) {
  for (std::size_t piece : {1u, 2u, 3u, 7u, 64u, 100'000u}) {
    Wire wire;
    const std::int32_t id = wire.Call(EchoDispatcher::kUnary, Framed(Serialized("hello")));
    wire.Pump(piece);
    ASSERT_TRUE(wire.End(id)) << wire.End(id).error().ToString();
    EXPECT_EQ(wire.Answer(id), "hello");
    EXPECT_EQ(FindHeader(wire.client.Find(id)->headers, "content-type"), "application/grpc");
    EXPECT_EQ(FindHeader(wire.client.Find(id)->headers, "x-echo"), "yes");
    EXPECT_EQ(wire.server->open_calls(), 0u);
  }
}

TEST(CallConnection, AnswersManyCallsOfOneBatchInOnePortion) {
  Wire wire;
  wire.Pump();
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 100; ++i) {
    ids.push_back(wire.Call(EchoDispatcher::kUnary, Framed(Serialized(std::to_string(i)))));
  }
  std::string bytes;
  ASSERT_TRUE(wire.client.Produce(bytes, 1 << 20));
  wire.Feed(bytes);
  EXPECT_EQ(wire.dispatcher.finished, 100);
  wire.Pump();
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(wire.Answer(ids[static_cast<std::size_t>(i)]), std::to_string(i));
}

TEST(CallConnection, CarriesARichError) {
  Wire wire;
  const std::int32_t id = wire.Call(EchoDispatcher::kFail, Framed(""));
  wire.Pump();
  const Status status = wire.End(id);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.error().reason(), "TEST_FAILURE");
  EXPECT_EQ(status.error().message(), "50% sure: näh\n");
  ASSERT_EQ(status.error().fields().size(), 1u);
  EXPECT_EQ(status.error().fields()[0].field, "field");
}

TEST(CallConnection, ReassemblesAMessageLargerThanTheWindow) {
  Wire wire;
  const std::string value(3u << 20, 'v');
  const std::int32_t id = wire.Call(EchoDispatcher::kUnary, Framed(Serialized(value)));
  wire.Pump();
  // The answer is larger than the client's window: it comes as the client reads.
  std::string body;
  while (!wire.client.Find(id)->closed) {
    body += wire.client.TakeBody(id);
    wire.Pump();
  }
  body += wire.client.TakeBody(id);
  EXPECT_EQ(body, Framed(Serialized(value)));
  EXPECT_TRUE(wire.End(id));
}

TEST(CallConnection, RefusesWhatIsWrongWithTheRequest) {
  struct Case {
    std::string name, value;  // a header, replaced or added; "te" without a value is left out
    std::string reason;
  };
  for (const Case& c :
       {Case{":path", "/test.Echo/None", "METHOD_NOT_FOUND"}, Case{"te", "", "TE_TRAILERS_MISSING"},
        Case{"grpc-timeout", "5 minutes", "TIMEOUT_INVALID"},
        Case{"grpc-encoding", "snappy", "COMPRESSION_UNSUPPORTED"},
        Case{"x-large", std::string(20'000, 'x'), "HEADERS_TOO_LARGE"}}) {
    Wire wire;
    Headers headers = Wire::CallHeaders(EchoDispatcher::kUnary);
    std::erase_if(headers, [&](const auto& header) { return header.first == c.name; });
    if (!c.value.empty())
      headers.insert(
          headers.begin() + (c.name == ":path" ? 0 : static_cast<std::ptrdiff_t>(headers.size())),
          {c.name, c.value});
    const std::int32_t id = wire.Call(headers, Framed(Serialized("x")));
    wire.Pump();
    ASSERT_TRUE(wire.client.Find(id)->closed) << c.reason;
    EXPECT_EQ(Reason(wire, id), c.reason);
    EXPECT_EQ(wire.dispatcher.started, 0);
    EXPECT_EQ(wire.server->open_calls(), 0u);
  }
}

TEST(CallConnection, RefusesWhatIsWrongWithTheBody) {
  struct Case {
    std::string body;
    std::string reason;
  };
  ServerLimits limits;
  limits.max_message_bytes = 100;
  for (const Case& c : {Case{"", "REQUEST_MESSAGE_MISSING"},
                        Case{Framed("") + Framed(""), "REQUEST_MESSAGE_NOT_SINGLE"},
                        Case{Framed("abc").substr(0, 6), "GRPC_FRAME_TRUNCATED"},
                        Case{std::string(3, '\0'), "GRPC_FRAME_TRUNCATED"},
                        Case{std::string("\7\0\0\0\0", 5), "GRPC_FRAME_MALFORMED"},
                        Case{Framed("zipped", true), "GRPC_FRAME_MALFORMED"},
                        Case{Framed(std::string(101, 'x')), "MESSAGE_TOO_LARGE"},
                        Case{Framed("\xff\xff\xff"), "MALFORMED_MESSAGE"}}) {
    Wire wire(limits);
    const std::int32_t id = wire.Call(EchoDispatcher::kUnary, c.body);
    wire.Pump();
    ASSERT_TRUE(wire.client.Find(id)->closed) << c.reason;
    EXPECT_EQ(Reason(wire, id), c.reason);
    EXPECT_EQ(wire.server->open_calls(), 0u);
  }
}

TEST(CallConnection, AnswersWhatIsNoCallInPlainHttp) {
  Wire wire;
  const auto ask = [&](std::string path) {
    return wire.Call(
        {{":method", "GET"}, {":scheme", "http"}, {":path", std::move(path)}, {":authority", "a"}},
        "");
  };
  const std::int32_t nothing = ask("/");
  const std::int32_t get = ask(std::string(EchoDispatcher::kUnary));
  Headers json = Wire::CallHeaders(EchoDispatcher::kUnary);
  json[4].second = "text/plain";
  const std::int32_t post = wire.Call(json, "{}");
  wire.Pump();
  EXPECT_EQ(FindHeader(wire.client.Find(nothing)->headers, ":status"), "404");
  EXPECT_NE(wire.client.Find(nothing)->body.find("ROUTE_NOT_FOUND"), std::string::npos);
  EXPECT_EQ(FindHeader(wire.client.Find(get)->headers, ":status"), "405");
  EXPECT_EQ(FindHeader(wire.client.Find(get)->headers, "allow"), "POST");
  EXPECT_EQ(FindHeader(wire.client.Find(post)->headers, ":status"), "415");
  EXPECT_NE(wire.client.Find(post)->body.find("application/grpc"), std::string::npos);
}

TEST(CallConnection, GzipBothWaysWhenTheClientUsesIt) {
  Wire wire;
  Headers headers = Wire::CallHeaders(EchoDispatcher::kUnary);
  headers.emplace_back("grpc-encoding", "gzip");
  const std::string message = Serialized(std::string(10'000, 'z'));
  std::string zipped;
  Gzip(message, zipped);
  const std::int32_t id = wire.Call(headers, Framed(zipped, true));
  wire.Pump();
  ASSERT_TRUE(wire.End(id));
  EXPECT_EQ(FindHeader(wire.client.Find(id)->headers, "grpc-encoding"), "gzip");
  GrpcFrameReader reader(1 << 20);
  reader.Append(wire.client.TakeBody(id));
  const auto frame = *reader.Next();
  ASSERT_TRUE(frame && frame->compressed);
  EXPECT_LT(frame->bytes.size(), 200u);
  std::string plain;
  ASSERT_TRUE(Gunzip(frame->bytes, 1 << 20, plain));
  EXPECT_EQ(plain, message);
}

TEST(CallConnection, ADecompressedMessageCountsAgainstTheLimit) {
  ServerLimits limits;
  limits.max_message_bytes = 10'000;
  Wire wire(limits);
  Headers headers = Wire::CallHeaders(EchoDispatcher::kUnary);
  headers.emplace_back("grpc-encoding", "gzip");
  std::string bomb;
  Gzip(std::string(1 << 20, '\0'), bomb);
  ASSERT_LT(bomb.size(), 10'000u);
  const std::int32_t id = wire.Call(headers, Framed(bomb, true));
  wire.Pump();
  EXPECT_EQ(Reason(wire, id), "MESSAGE_TOO_LARGE");
}

TEST(CallConnection, StreamsOfEachKind) {
  Wire wire;
  const std::int32_t repeat = wire.Call(EchoDispatcher::kRepeat, Framed(Serialized("ab")));
  const std::int32_t collect =
      wire.Call(EchoDispatcher::kCollect,
                Framed(Serialized("123")) + Framed(Serialized("")) + Framed(Serialized("45")));
  const std::int32_t chat = wire.Open(Wire::CallHeaders(EchoDispatcher::kChat));
  wire.Pump(5);
  EXPECT_EQ(wire.Answer(repeat), "ababab");
  EXPECT_TRUE(wire.End(repeat));
  EXPECT_EQ(wire.Answer(collect), "5");
  for (const char* word : {"one", "two"}) {
    wire.client.Write(chat, Framed(Serialized(word)));
    wire.Pump(1);
    EXPECT_EQ(wire.Answer(chat), word);
  }
  EXPECT_FALSE(wire.client.Find(chat)->closed);
  wire.client.Finish(chat);
  wire.Pump();
  EXPECT_TRUE(wire.client.Find(chat)->closed);
  EXPECT_TRUE(wire.End(chat));
  EXPECT_EQ(wire.server->open_calls(), 0u);
}

TEST(CallConnection, AWriterWaitsForAReaderWhoDoesNotRead) {
  Wire wire;
  wire.dispatcher.repeats = 1000;
  const std::int32_t id =
      wire.Call(EchoDispatcher::kRepeat, Framed(Serialized(std::string(10'000, 'x'))));
  wire.Pump();
  // The client's window of 1 MiB, what the server buffers, and one message.
  EXPECT_LT(wire.dispatcher.written, 130);
  EXPECT_GT(wire.dispatcher.written, 90);
  std::size_t received = 0;
  while (!wire.client.Find(id)->closed) {
    received += wire.client.TakeBody(id).size();
    wire.Pump();
  }
  received += wire.client.TakeBody(id).size();
  EXPECT_EQ(wire.dispatcher.written, 1000);
  EXPECT_EQ(received, 1000 * Framed(Serialized(std::string(10'000, 'x'))).size());
  EXPECT_TRUE(wire.End(id));
}

// As when the namespace of a stream has changed, or its caller has lost the right to it.
TEST(CallConnection, AServerCancelsAStreamThatItsClientDoesNotRead) {
  Wire wire;
  wire.dispatcher.repeats = 1000;
  const std::int32_t id =
      wire.Call(EchoDispatcher::kRepeat, Framed(Serialized(std::string(10'000, 'x'))));
  wire.Pump();
  ASSERT_EQ(wire.dispatcher.finished, 0);
  wire.dispatcher.CancelLast(runtime::CancelReason::kReconfigured);
  EXPECT_EQ(wire.dispatcher.finished, 1);  // though nothing comes on the connection
  EXPECT_EQ(wire.dispatcher.cancelled, std::vector{runtime::CancelReason::kReconfigured});
  while (!wire.client.Find(id)->closed) {
    ASSERT_GT(wire.client.TakeBody(id).size(), 0u);
    wire.Pump();
  }
  EXPECT_EQ(Reason(wire, id), "CALL_CANCELLED");
}

TEST(CallConnection, AServerCancelsAStreamWhoseClientSendsNothing) {
  Wire wire;
  const std::int32_t id = wire.Open(Wire::CallHeaders(EchoDispatcher::kCollect));
  wire.client.Write(id, Framed(Serialized("x")));
  wire.Pump();
  ASSERT_EQ(wire.dispatcher.finished, 0);
  wire.dispatcher.CancelLast(runtime::CancelReason::kReconfigured);
  EXPECT_EQ(wire.dispatcher.finished, 1);
  wire.Pump();
  EXPECT_TRUE(wire.client.Find(id)->closed);
}

TEST(CallConnection, AClientWaitsForAMethodThatDoesNotRead) {
  Wire wire;
  wire.dispatcher.hold_reads = true;
  const std::int32_t id = wire.Open(Wire::CallHeaders(EchoDispatcher::kCollect));
  for (int i = 0; i < 100; ++i) wire.client.Write(id, Framed(Serialized(std::string(10'000, 'x'))));
  wire.client.Finish(id);
  wire.Pump();
  EXPECT_GT(wire.client.unsent(id), 700'000u);  // about a stream's window has left
  EXPECT_EQ(wire.dispatcher.read, 0);
  wire.dispatcher.Release();
  wire.Pump();
  EXPECT_EQ(wire.dispatcher.read, 100);
  EXPECT_EQ(wire.Answer(id), "1000000");
}

TEST(CallConnection, TakesAStreamedMessageLargerThanTheWindow) {
  Wire wire;
  const std::int32_t id =
      wire.Call(EchoDispatcher::kCollect, Framed(Serialized(std::string(3u << 20, 'x'))));
  wire.Pump();
  EXPECT_EQ(wire.Answer(id), std::to_string(3u << 20));
}

TEST(CallConnection, AResetCancelsTheCall) {
  Wire wire;
  const std::int32_t id = wire.Call(EchoDispatcher::kHold, Framed(""));
  wire.Pump();
  EXPECT_EQ(wire.dispatcher.started, 1);
  wire.client.Reset(id, 8);
  wire.Pump();
  EXPECT_EQ(wire.dispatcher.cancelled, std::vector{runtime::CancelReason::kClientGone});
  EXPECT_EQ(wire.dispatcher.finished, 1);
  EXPECT_EQ(wire.server->open_calls(), 0u);
}

TEST(CallConnection, ACallOutlivesItsConnection) {
  Wire wire;
  wire.Call(EchoDispatcher::kHold, Framed(""));
  wire.Call(EchoDispatcher::kDeaf, Framed(""));
  wire.Call(EchoDispatcher::kChat, "");
  const std::int32_t open = wire.Open(Wire::CallHeaders(EchoDispatcher::kChat));
  wire.client.Write(open, Framed(Serialized("x")));
  wire.Pump();
  wire.server.reset();
  EXPECT_EQ(wire.dispatcher.finished, 3);  // all but the deaf one
  wire.dispatcher.Release();               // answers nobody
  EXPECT_EQ(wire.dispatcher.finished, 4);
  EXPECT_EQ(wire.calls.tasks().running(), 0u);
}

TEST(CallConnection, TheClientGetsDeadlineExceededEvenFromADeafMethod) {
  Wire wire;
  Headers headers = Wire::CallHeaders(EchoDispatcher::kDeaf);
  headers.emplace_back("grpc-timeout", "10m");
  const std::int32_t deaf = wire.Call(headers, Framed(""));
  headers[2].second = EchoDispatcher::kHold;
  const std::int32_t held = wire.Call(headers, Framed(""));
  headers[2].second = EchoDispatcher::kChat;
  const std::int32_t chat = wire.Open(headers);
  headers[2].second = EchoDispatcher::kUnary;
  const std::int32_t unfinished = wire.Open(headers);
  wire.Pump();
  EXPECT_EQ(wire.dispatcher.started, 3);
  wire.shard.timers().Advance(MonotonicNow() / kNanosPerMilli + 20);
  wire.Pump();
  for (std::int32_t id : {deaf, held, chat, unfinished})
    EXPECT_EQ(Reason(wire, id), "DEADLINE_EXCEEDED") << id;
  EXPECT_EQ(wire.dispatcher.cancelled, std::vector{runtime::CancelReason::kDeadline});
  EXPECT_EQ(wire.server->open_calls(), 1u);
  wire.dispatcher.Release();
  EXPECT_EQ(wire.server->open_calls(), 0u);
}

TEST(CallConnection, ATaskThatEndsWithoutAnswerIsAnInternalError) {
  Wire wire;
  const std::int32_t id = wire.Call(EchoDispatcher::kSilent, Framed(""));
  wire.Pump();
  EXPECT_EQ(Reason(wire, id), "CALL_NOT_ANSWERED");
}

TEST(CallConnection, DrainLetsCallsFinish) {
  Wire wire;
  const std::int32_t held = wire.Call(EchoDispatcher::kHold, Framed(""));
  wire.Pump();
  wire.server->AnnounceDrain();
  wire.Pump();
  EXPECT_FALSE(wire.client.accepts_streams());
  EXPECT_FALSE(wire.server->finished());
  wire.dispatcher.Release();
  wire.Pump();
  EXPECT_TRUE(wire.End(held));
  EXPECT_TRUE(wire.server->finished());
}

TEST(CallConnection, ShutdownTellsCallsWhy) {
  Wire wire;
  const std::int32_t deaf = wire.Call(EchoDispatcher::kDeaf, Framed(""));
  const std::int32_t chat = wire.Open(Wire::CallHeaders(EchoDispatcher::kChat));
  wire.Pump();
  wire.server->Shutdown();
  wire.Pump();
  EXPECT_EQ(Reason(wire, deaf), "SERVER_STOPPING");
  EXPECT_EQ(Reason(wire, chat), "SERVER_STOPPING");
}

TEST(CallConnection, CallsThatNobodyWaitsForStillCount) {
  ServerLimits limits;
  limits.max_concurrent_streams = 4;
  Wire wire(limits);
  wire.Pump();
  for (int i = 0; i < 20; ++i) {
    const std::int32_t id = wire.Call(EchoDispatcher::kDeaf, Framed(""));
    wire.Pump();
    wire.client.Reset(id, 8);
    wire.Pump();
  }
  EXPECT_EQ(wire.dispatcher.started, 8);
  EXPECT_EQ(wire.server->open_calls(), 8u);
  wire.dispatcher.Release();
  EXPECT_EQ(wire.server->open_calls(), 0u);
}

}  // namespace
}  // namespace prism::rpc

// Connect and gRPC-Web: the same calls as in call_connection_test.cc, in the other formats.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "contract/status_proto.h"
#include "google/rpc/status.pb.h"
#include "rpc/call/base64_stream.h"
#include "rpc/call/call_format.h"
#include "rpc/call/connect_error.h"
#include "rpc/testing/wire.h"
#include "rpc/wire/gzip.h"

namespace prism::rpc {
namespace {

using testing::EchoDispatcher;
using testing::Framed;
using testing::Serialized;
using testing::Wire;
using Json = nlohmann::json;

struct Reply {
  std::string status;
  Headers headers;
  std::string body;
};

Headers Post(std::string_view path, std::string_view content_type) {
  return {{":method", "POST"},
          {":scheme", "http"},
          {":path", std::string(path)},
          {":authority", "test"},
          {"content-type", std::string(content_type)}};
}

Reply Send(Wire& wire, const Headers& headers, std::string_view body) {
  const std::int32_t id = wire.Call(headers, body);
  wire.Pump();
  const auto* stream = wire.client.Find(id);
  EXPECT_TRUE(stream->closed);
  Reply reply{std::string(FindHeader(stream->headers, ":status")), stream->headers, ""};
  reply.body = wire.client.TakeBody(id);
  return reply;
}

Reply Send(std::string_view path, std::string_view content_type, std::string_view body) {
  Wire wire;
  return Send(wire, Post(path, content_type), body);
}

// Flags and bytes of each frame of a body.
std::vector<std::pair<int, std::string>> Frames(std::string_view body) {
  std::vector<std::pair<int, std::string>> frames;
  while (body.size() >= kGrpcPrefixBytes) {
    std::size_t size = 0;
    for (std::size_t i = 1; i < kGrpcPrefixBytes; ++i)
      size = size << 8 | static_cast<unsigned char>(body[i]);
    frames.emplace_back(static_cast<unsigned char>(body[0]), body.substr(kGrpcPrefixBytes, size));
    body.remove_prefix(kGrpcPrefixBytes + size);
  }
  EXPECT_TRUE(body.empty());
  return frames;
}

TEST(CallFormat, IsFoundByContentType) {
  EXPECT_EQ(FindCallFormat("application/grpc")->end, CallEnd::kTrailers);
  EXPECT_EQ(FindCallFormat("application/grpc;foo=bar")->end, CallEnd::kTrailers);
  EXPECT_EQ(FindCallFormat("application/grpc-web+proto")->end, CallEnd::kTrailerFrame);
  EXPECT_TRUE(FindCallFormat("Application/JSON ; charset=utf-8")->json);
  EXPECT_EQ(FindCallFormat("application/connect+json")->end, CallEnd::kEndFrame);
  EXPECT_EQ(FindCallFormat("application/grpcx"), nullptr);
  EXPECT_EQ(FindCallFormat("text/html"), nullptr);
  EXPECT_EQ(FindCallFormat(""), nullptr);
}

TEST(CallFormat, ReadsConnectTimeouts) {
  EXPECT_EQ(ParseConnectTimeout("1500"), 1500 * kNanosPerMilli);
  EXPECT_EQ(ParseConnectTimeout("9999999999"), 9'999'999'999 * kNanosPerMilli);
  for (const char* bad : {"", "-1", "1s", "1.5", " 1", "12345678901"}) {
    EXPECT_EQ(ParseConnectTimeout(bad), std::nullopt) << bad;
  }
}

TEST(Connect, AnswersUnaryCallsInJsonAndProtobuf) {
  const Reply json = Send(EchoDispatcher::kUnary, "application/json", R"("aGVsbG8=")");
  EXPECT_EQ(json.status, "200");
  EXPECT_EQ(FindHeader(json.headers, "content-type"), "application/json");
  EXPECT_EQ(json.body, R"("aGVsbG8=")");
  const Reply proto = Send(EchoDispatcher::kUnary, "application/proto", Serialized("hello"));
  EXPECT_EQ(proto.status, "200");
  EXPECT_EQ(FindHeader(proto.headers, "content-type"), "application/proto");
  EXPECT_EQ(proto.body, Serialized("hello"));
}

TEST(Connect, AnEmptyBodyIsTheEmptyMessageInProtobufOnly) {
  EXPECT_EQ(Send(EchoDispatcher::kUnary, "application/proto", "").status, "200");
  const Reply json = Send(EchoDispatcher::kUnary, "application/json", "");
  EXPECT_EQ(json.status, "400");
  EXPECT_EQ(Json::parse(json.body)["code"], "invalid_argument");
}

TEST(Connect, TellsErrorsByStatusAndBody) {
  const Reply reply = Send(EchoDispatcher::kFail, "application/proto", "");
  EXPECT_EQ(reply.status, "400");
  EXPECT_EQ(FindHeader(reply.headers, "content-type"), "application/json");
  const Json error = Json::parse(reply.body);
  EXPECT_EQ(error["code"], "failed_precondition");
  EXPECT_EQ(error["message"], "50% sure: näh\n");
  EXPECT_EQ(error["details"][0]["type"], "google.rpc.ErrorInfo");
  EXPECT_EQ(error["details"][0]["debug"]["reason"], "TEST_FAILURE");
  EXPECT_EQ(error["details"][0]["debug"]["metadata"]["key"], "value");
  EXPECT_EQ(error["details"][1]["debug"]["fieldViolations"][0]["field"], "field");
}

TEST(Connect, RefusesWhatIsWrongWithTheRequest) {
  EXPECT_EQ(Send("/test.Echo/None", "application/json", "{}").status, "404");
  EXPECT_EQ(Send(EchoDispatcher::kUnary, "text/plain", "x").status, "415");
  // A method that streams takes frames, a unary one does not.
  EXPECT_EQ(Send(EchoDispatcher::kRepeat, "application/json", "{}").status, "415");
  EXPECT_EQ(Send(EchoDispatcher::kUnary, "application/connect+json", "").status, "415");
  EXPECT_EQ(Send(EchoDispatcher::kUnary, "application/json", "{").status, "400");

  Wire wire;
  for (const auto& [name, value, reason] :
       {std::tuple{"connect-timeout-ms", "soon", "TIMEOUT_INVALID"},
        std::tuple{"connect-protocol-version", "2", "CONNECT_VERSION_UNSUPPORTED"},
        std::tuple{"content-encoding", "br", "COMPRESSION_UNSUPPORTED"}}) {
    Headers headers = Post(EchoDispatcher::kUnary, "application/json");
    headers.emplace_back(name, value);
    const Json error = Json::parse(Send(wire, headers, R"("aGVsbG8=")").body);
    EXPECT_EQ(error["details"][0]["debug"]["reason"], reason);
  }
}

TEST(Connect, RefusesABodyAboveTheLimit) {
  ServerLimits limits;
  limits.max_message_bytes = 1000;
  Wire wire(limits);
  const Reply reply = Send(wire, Post(EchoDispatcher::kUnary, "application/proto"),
                           Serialized(std::string(2000, 'x')));
  EXPECT_EQ(reply.status, "429");
  EXPECT_EQ(Json::parse(reply.body)["details"][0]["debug"]["reason"], "MESSAGE_TOO_LARGE");
}

TEST(Connect, CompressesBothWays) {
  Wire wire;
  Headers headers = Post(EchoDispatcher::kUnary, "application/proto");
  headers.emplace_back("content-encoding", "gzip");
  headers.emplace_back("accept-encoding", "br, gzip");
  std::string body;
  Gzip(Serialized(std::string(5000, 'x')), body);
  const Reply reply = Send(wire, headers, body);
  EXPECT_EQ(reply.status, "200");
  EXPECT_EQ(FindHeader(reply.headers, "content-encoding"), "gzip");
  std::string plain;
  ASSERT_TRUE(Gunzip(reply.body, 10'000, plain));
  EXPECT_EQ(plain, Serialized(std::string(5000, 'x')));
}

TEST(Connect, StreamsEndWithAFrame) {
  const std::string request = Framed(R"("aGVsbG8=")");
  const auto frames =
      Frames(Send(EchoDispatcher::kRepeat, "application/connect+json", request).body);
  ASSERT_EQ(frames.size(), 4u);
  EXPECT_EQ(frames[0], std::pair(0, std::string(R"("aGVsbG8=")")));
  EXPECT_EQ(frames[3], std::pair(2, std::string("{}")));

  const auto chat = Frames(Send(EchoDispatcher::kChat, "application/connect+proto",
                                Framed(Serialized("a")) + Framed(Serialized("b")))
                               .body);
  ASSERT_EQ(chat.size(), 3u);
  EXPECT_EQ(chat[1].second, Serialized("b"));
}

TEST(Connect, AStreamThatFailsSaysSoInItsLastFrame) {
  const Reply reply = Send(EchoDispatcher::kChat, "application/connect+json",
                           Framed(R"("aGVsbG8=")") + Framed("{"));
  EXPECT_EQ(reply.status, "200");
  const auto frames = Frames(reply.body);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[1].first, 2);
  EXPECT_EQ(Json::parse(frames[1].second)["error"]["code"], "invalid_argument");
}

TEST(GrpcWeb, CarriesTheTrailersInAFrame) {
  const auto frames =
      Frames(Send(EchoDispatcher::kUnary, "application/grpc-web", Framed(Serialized("hi"))).body);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0], std::pair(0, Serialized("hi")));
  EXPECT_EQ(frames[1], std::pair(0x80, std::string("grpc-status: 0\r\n")));

  const Reply failed = Send(EchoDispatcher::kFail, "application/grpc-web+proto", Framed(""));
  EXPECT_EQ(failed.status, "200");
  EXPECT_EQ(FindHeader(failed.headers, "grpc-status"), "9");
}

// Decodes each padded piece of a body by itself.
std::string FromBase64(std::string_view text) {
  Base64Stream stream;
  std::string bytes;
  EXPECT_TRUE(stream.Decode(text, bytes));
  EXPECT_EQ(stream.pending(), 0u);
  return bytes;
}

TEST(GrpcWebText, IsBase64BothWays) {
  const std::string frame = Framed(Serialized("hi"));
  // In one piece, and in pieces with padding.
  for (const std::string& body :
       {base::Base64Encode(frame),
        base::Base64Encode(frame.substr(0, 5)) + base::Base64Encode(frame.substr(5))}) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{1} << 20}) {
      Wire wire;
      const std::int32_t id =
          wire.Call(Post(EchoDispatcher::kUnary, "application/grpc-web-text+proto"), body);
      wire.Pump(piece);
      const auto* stream = wire.client.Find(id);
      ASSERT_TRUE(stream->closed);
      EXPECT_EQ(FindHeader(stream->headers, "content-type"), "application/grpc-web-text+proto");
      const auto frames = Frames(FromBase64(wire.client.TakeBody(id)));
      ASSERT_EQ(frames.size(), 2u);
      EXPECT_EQ(frames[0], std::pair(0, Serialized("hi")));
      EXPECT_EQ(frames[1], std::pair(0x80, std::string("grpc-status: 0\r\n")));
    }
  }
}

TEST(GrpcWebText, StreamsInPieces) {
  const std::string body =
      base::Base64Encode(Framed(Serialized("a"))) + base::Base64Encode(Framed(Serialized("bc")));
  for (const std::size_t piece : {std::size_t{1}, std::size_t{1} << 20}) {
    Wire wire;
    const std::int32_t id =
        wire.Call(Post(EchoDispatcher::kChat, "application/grpc-web-text"), body);
    wire.Pump(piece);
    ASSERT_TRUE(wire.client.Find(id)->closed);
    const auto frames = Frames(FromBase64(wire.client.TakeBody(id)));
    ASSERT_EQ(frames.size(), 3u);
    EXPECT_EQ(frames[1].second, Serialized("bc"));
  }
}

TEST(GrpcWebText, RefusesWhatIsNoBase64OrCutOff) {
  for (const auto& [path, body, status] :
       {std::tuple{EchoDispatcher::kUnary, Framed(Serialized("x")), "13"},
        std::tuple{EchoDispatcher::kChat, Framed(Serialized("x")), "13"},
        std::tuple{EchoDispatcher::kUnary, std::string("AAAAAAA"), "13"},
        std::tuple{EchoDispatcher::kChat, std::string("AA"), "13"}}) {
    Wire wire;
    const std::int32_t id = wire.Call(Post(path, "application/grpc-web-text"), body);
    wire.Pump();
    const auto* stream = wire.client.Find(id);
    ASSERT_TRUE(stream->closed) << body;
    EXPECT_EQ(FindHeader(stream->headers, "grpc-status"), status) << body;
    EXPECT_EQ(wire.dispatcher.started, wire.dispatcher.finished);
    EXPECT_EQ(wire.server->open_calls(), 0u);
  }
}

TEST(GrpcJson, IsServedWithTheFramesOfGrpc) {
  Headers headers = Post(EchoDispatcher::kUnary, "application/grpc+json");
  headers.emplace_back("te", "trailers");
  Wire wire;
  const Reply grpc = Send(wire, headers, Framed(R"("aGVsbG8=")"));
  EXPECT_EQ(Frames(grpc.body)[0].second, R"("aGVsbG8=")");
  const Reply web =
      Send(EchoDispatcher::kUnary, "application/grpc-web+json", Framed(R"("aGVsbG8=")"));
  EXPECT_EQ(Frames(web.body)[0].second, R"("aGVsbG8=")");
}

TEST(GrpcFamily, UnknownMessagesAreRefusedInItsWay) {
  for (const std::string_view type : {"application/grpc+thrift", "application/grpc-web+xml"}) {
    const Reply reply = Send(EchoDispatcher::kUnary, type, Framed(""));
    EXPECT_EQ(reply.status, "200");
    EXPECT_EQ(FindHeader(reply.headers, "grpc-status"), "12") << type;
  }
}

// Headers and trailers that the application adds, and an error that is not ours.
Reply Tell(std::string_view content_type, bool fail) {
  Headers headers = Post(EchoDispatcher::kTell, content_type);
  headers.emplace_back("te", "trailers");
  headers.emplace_back("x-tell", "1");
  headers.emplace_back("x-tell", "2");
  if (fail) headers.emplace_back("x-fail", "yes");
  Wire wire;
  const bool whole = content_type == "application/proto";
  const std::int32_t id = wire.Call(headers, whole ? Serialized("") : Framed(Serialized("")));
  wire.Pump();
  const auto* stream = wire.client.Find(id);
  EXPECT_TRUE(stream->closed);
  Reply reply{std::string(FindHeader(stream->headers, ":status")), stream->headers, ""};
  reply.headers.insert(reply.headers.end(), stream->trailers.begin(), stream->trailers.end());
  reply.body = wire.client.TakeBody(id);
  return reply;
}

TEST(Metadata, GoesWhereTheProtocolHasIt) {
  for (const bool fail : {false, true}) {
    const Reply grpc = Tell("application/grpc", fail);
    EXPECT_EQ(FindHeader(grpc.headers, "x-head"), "12");
    EXPECT_EQ(FindHeader(grpc.headers, "x-tail"), "t");
    EXPECT_EQ(FindHeader(grpc.headers, "grpc-status"), fail ? "11" : "0");

    const Reply web = Tell("application/grpc-web", fail);
    EXPECT_EQ(FindHeader(web.headers, "x-head"), "12");
    const auto frames = Frames(web.body);
    EXPECT_EQ(frames.back().first, 0x80);
    EXPECT_THAT(frames.back().second, ::testing::HasSubstr("x-tail: t\r\n"));

    const Reply connect = Tell("application/proto", fail);
    EXPECT_EQ(connect.status, fail ? "400" : "200");
    EXPECT_EQ(FindHeader(connect.headers, "x-head"), "12");
    EXPECT_EQ(FindHeader(connect.headers, "trailer-x-tail"), "t");
    if (!fail) continue;
    const Json error = Json::parse(connect.body);
    EXPECT_EQ(error["code"], "out_of_range");
    EXPECT_EQ(error["details"][0]["type"], "google.protobuf.BytesValue");
    EXPECT_EQ(error["details"].size(), 1u);
  }
}

TEST(ConnectError, TheLastFrameHasTheTrailers) {
  HeaderList trailers;
  trailers.Append("a", "1");
  trailers.Append("b", "\xff");
  trailers.Append("a", "2");
  const Json end = Json::parse(ConnectEndJson(nullptr, trailers));
  EXPECT_EQ(end["metadata"]["a"], (Json{"1", "2"}));
  EXPECT_EQ(end["metadata"]["b"].size(), 1u);
  EXPECT_FALSE(end.contains("error"));
}

TEST(ConnectError, MapsEveryCodeToAStatus) {
  EXPECT_EQ(HttpStatusOf(Code::kNotFound), "404");
  EXPECT_EQ(HttpStatusOf(Code::kAborted), "409");
  EXPECT_EQ(HttpStatusOf(Code::kResourceExhausted), "429");
  EXPECT_EQ(HttpStatusOf(Code::kUnavailable), "503");
  EXPECT_EQ(HttpStatusOf(Code::kDeadlineExceeded), "504");
  EXPECT_EQ(HttpStatusOf(Code::kDataLoss), "500");
  EXPECT_EQ(
      Json::parse(ConnectErrorJson(contract::StatusProto({Code::kCancelled, "GONE", "x"})))["code"],
      "canceled");
  EXPECT_EQ(ConnectEndJson(nullptr, {}), "{}");
}

}  // namespace
}  // namespace prism::rpc

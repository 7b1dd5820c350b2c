#include "rpc/http/http1_codec.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

#include "rpc/testing/http_recorder.h"

namespace prism::rpc {
namespace {

using testing::RecordedStream;

constexpr std::array kOk = {HeaderField{":status", "200"}, HeaderField{"x-a", "b"}};
constexpr std::string_view kPostHead = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n";

class Http1CodecTest : public ::testing::Test {
 protected:
  Http1CodecTest() { Make({}); }
  void Make(const Http1Limits& limits) {
    codec_ = MakeHttp1Codec(recorder_, limits);
    recorder_.codec = codec_.get();
  }

  bool Feed(std::string_view bytes) { return codec_->OnBytes(bytes, kNanosPerSecond); }
  bool Get(std::string_view path = "/", std::string_view fields = "") {
    return Feed("GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) +
                "\r\n");
  }
  std::string Produced(std::size_t limit = 1 << 20) {
    std::string out;
    codec_->Produce(out, limit);
    return out;
  }
  void Answer(std::string_view body) {
    RecordedStream& stream = recorder_.last();
    stream.body.Append(body);
    stream.body_ended = true;
    codec_->Respond(stream, kOk, false);
  }
  std::size_t requests() const { return recorder_.streams.size(); }

  testing::HttpRecorder recorder_;
  std::unique_ptr<HttpCodec> codec_;
};

TEST_F(Http1CodecTest, ARequestLooksLikeOneOfHttp2) {
  EXPECT_TRUE(
      Get("/a?b",
          "X-Mixed: Case\r\nConnection: keep-alive, x-hop\r\nKeep-Alive: timeout=5\r\n"
          "TE: trailers\r\nUpgrade: h2c\r\nProxy-Connection: keep-alive\r\nX-Mixed: 2\r\n"));
  const std::vector<std::pair<std::string, std::string>> expected = {
      {":method", "GET"}, {":scheme", "http"}, {":authority", "a"},
      {":path", "/a?b"},  {"x-mixed", "Case"}, {"x-mixed", "2"}};
  EXPECT_EQ(recorder_.last().headers, expected);
  EXPECT_TRUE(recorder_.last().ended);
}

TEST_F(Http1CodecTest, AnAnswerThatIsCompleteHasItsLength) {
  Get();
  EXPECT_FALSE(codec_->wants_write());
  Answer("hello");
  EXPECT_TRUE(codec_->wants_write());
  EXPECT_EQ(Produced(), "HTTP/1.1 200 OK\r\nx-a: b\r\ncontent-length: 5\r\n\r\nhello");
  EXPECT_EQ(recorder_.last().closed, HttpError::kNoError);
  EXPECT_EQ(recorder_.last().taken, 5u);
  EXPECT_FALSE(codec_->wants_write());
  EXPECT_FALSE(codec_->finished());
}

TEST_F(Http1CodecTest, AnAnswerOfHeadersOnlyIsEmpty) {
  Get();
  codec_->Respond(recorder_.last(), kOk, true);
  EXPECT_EQ(Produced(), "HTTP/1.1 200 OK\r\nx-a: b\r\ncontent-length: 0\r\n\r\n");
}

TEST_F(Http1CodecTest, AnAnswerThatGrowsIsChunked) {
  Get();
  RecordedStream& stream = recorder_.last();
  codec_->Respond(stream, kOk, false);
  EXPECT_EQ(Produced(), "HTTP/1.1 200 OK\r\nx-a: b\r\ntransfer-encoding: chunked\r\n\r\n");
  EXPECT_FALSE(codec_->wants_write());
  stream.body.Append("hello, world....");
  codec_->ResumeBody(stream);
  EXPECT_TRUE(codec_->wants_write());
  EXPECT_EQ(Produced(4), "4\r\nhell\r\n");
  EXPECT_EQ(Produced(), "c\r\no, world....\r\n");
  stream.trailers = {HeaderField{"x-t", "u"}};
  stream.body_ended = true;
  EXPECT_EQ(Produced(), "0\r\n\r\n") << "nobody asked for trailers";
  EXPECT_EQ(stream.asked_for_trailers, 0);
  EXPECT_EQ(stream.closed, HttpError::kNoError);
}

TEST_F(Http1CodecTest, TrailersAreSentToWhoTakesThem) {
  Get("/", "TE: deflate, trailers\r\n");
  recorder_.last().trailers = {HeaderField{"x-t", "u\r\nv"}, HeaderField{"content-length", "9"}};
  Answer("hello");
  EXPECT_EQ(Produced(),
            "HTTP/1.1 200 OK\r\nx-a: b\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"
            "0\r\nx-t: u  v\r\n\r\n");
  EXPECT_EQ(recorder_.last().asked_for_trailers, 1);
}

TEST_F(Http1CodecTest, TheApplicationCannotBreakTheFraming) {
  Get();
  const std::array headers = {HeaderField{":status", "200"}, HeaderField{"content-length", "99"},
                              HeaderField{"transfer-encoding", "gzip"},
                              HeaderField{"connection", "close"},
                              HeaderField{"x", "a\r\nset-cookie: b"}};
  codec_->Respond(recorder_.last(), headers, true);
  EXPECT_EQ(Produced(), "HTTP/1.1 200 OK\r\nx: a  set-cookie: b\r\ncontent-length: 0\r\n\r\n");
}

TEST_F(Http1CodecTest, HeadHasNoBody) {
  Feed("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  Answer("hello");
  EXPECT_EQ(Produced(), "HTTP/1.1 200 OK\r\nx-a: b\r\ncontent-length: 5\r\n\r\n");
  Feed("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::array sized = {HeaderField{":status", "200"}, HeaderField{"content-length", "99"}};
  codec_->Respond(recorder_.last(), sized, true);
  EXPECT_EQ(Produced(), "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n");
  Feed("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  codec_->Respond(recorder_.last(), kOk, false);  // a body that would never end
  EXPECT_EQ(Produced(), "HTTP/1.1 200 OK\r\nx-a: b\r\n\r\n");
  EXPECT_TRUE(recorder_.last().closed);
  Feed("HEAD / HTTP/1.1\r\n\r\n");
  const std::string refused = Produced();
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 400 ")) << refused;
  EXPECT_TRUE(refused.ends_with("connection: close\r\n\r\n")) << refused;
}

TEST_F(Http1CodecTest, SomeStatusesHaveNoBody) {
  Get();
  const std::array no_content = {HeaderField{":status", "204"}, HeaderField{"content-length", "0"}};
  codec_->Respond(recorder_.last(), no_content, true);
  EXPECT_EQ(Produced(), "HTTP/1.1 204 No Content\r\n\r\n");
  Get();
  const std::array same = {HeaderField{":status", "304"}, HeaderField{"etag", "\"1\""}};
  codec_->Respond(recorder_.last(), same, true);
  EXPECT_EQ(Produced(), "HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\n\r\n");
}

TEST_F(Http1CodecTest, PipelinedRequestsAreServedOneAfterTheOther) {
  EXPECT_TRUE(
      Feed("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\n"
           "Content-Length: 2\r\n\r\nhiGET /3 HTTP/1.1\r\nHost: a\r\n\r\nGET /4 HT"));
  ASSERT_EQ(requests(), 1u);
  Answer("one");
  EXPECT_TRUE(Produced().ends_with("one"));
  ASSERT_EQ(requests(), 2u);
  EXPECT_EQ(recorder_.last().Header(":path"), "/2");
  EXPECT_EQ(recorder_.last().request_body, "hi");
  EXPECT_TRUE(Feed("TP/1.1\r\nHost: a\r\n\r\n"));
  Answer("two");
  EXPECT_TRUE(Produced().ends_with("two"));
  Answer("three");
  EXPECT_TRUE(Produced().ends_with("three"));
  ASSERT_EQ(requests(), 4u);
  EXPECT_EQ(recorder_.last().Header(":path"), "/4");
}

TEST_F(Http1CodecTest, WhatIsPipelinedIsBounded) {
  Http1Limits limits;
  limits.max_buffered_bytes = 100;
  Make(limits);
  Get("/1");
  EXPECT_TRUE(codec_->wants_read());
  EXPECT_TRUE(Get("/2", "X: " + std::string(100, 'x') + "\r\n"));
  EXPECT_FALSE(codec_->wants_read());
  Answer("one");
  Produced();
  EXPECT_EQ(recorder_.last().Header(":path"), "/2");
  EXPECT_TRUE(codec_->wants_read());
}

TEST_F(Http1CodecTest, ABadRequestBehindAGoodOneWaitsForItsTurn) {
  EXPECT_TRUE(Feed("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET\n"));
  Answer("one");
  const std::string out = Produced();
  EXPECT_NE(out.find("oneHTTP/1.1 400 Bad Request\r\n"), std::string::npos) << out;
  EXPECT_TRUE(codec_->finished());
}

TEST_F(Http1CodecTest, WhatIsNotConsumedHoldsBackTheBody) {
  Http1Limits limits;
  limits.window_bytes = 4;
  limits.max_buffered_bytes = 8;
  Make(limits);
  Feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 16\r\n\r\n0123");
  RecordedStream& stream = recorder_.last();
  Feed("4567");
  EXPECT_EQ(stream.request_body, "0123");
  EXPECT_TRUE(codec_->wants_read());
  Feed("89ab");
  EXPECT_FALSE(codec_->wants_read());
  codec_->Consume(stream, 2);
  EXPECT_TRUE(codec_->wants_write()) << "Produce is to report what waits";
  EXPECT_EQ(stream.request_body, "0123") << "events come from Produce";
  EXPECT_EQ(Produced(), "");
  EXPECT_EQ(stream.request_body, "012345");
  EXPECT_FALSE(codec_->wants_write());
  EXPECT_TRUE(codec_->wants_read());
  Feed("cdef");
  for (int i = 0; i < 3; ++i) {
    codec_->Consume(stream, 4);
    Produced();
  }
  EXPECT_EQ(stream.request_body, "0123456789abcdef");
  EXPECT_TRUE(stream.ended);
}

TEST_F(Http1CodecTest, ChunksAreHeldBackToo) {
  Http1Limits limits;
  limits.window_bytes = 3;
  Make(limits);
  Feed(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nab\r\n4\r\ncdef\r\n0\r\nX: trailer\r\n\r\n");
  RecordedStream& stream = recorder_.last();
  EXPECT_EQ(stream.request_body, "abc");
  EXPECT_FALSE(stream.ended);
  codec_->Consume(stream, 3);
  Produced();
  EXPECT_EQ(stream.request_body, "abcdef");
  EXPECT_TRUE(stream.ended);
  EXPECT_EQ(stream.Header("x"), "(none)") << "trailers are not headers";
}

TEST_F(Http1CodecTest, ContinueIsSaidBeforeTheBodyUnlessTheAnswerIsKnown) {
  Feed(std::string(kPostHead) + "Expect: 100-Continue\r\n\r\n");
  EXPECT_EQ(recorder_.last().Header("expect"), "100-Continue") << "for whoever refuses at once";
  EXPECT_TRUE(codec_->wants_write());
  EXPECT_EQ(Produced(), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_FALSE(codec_->wants_write());
  Feed("hello");
  Answer("ok");
  EXPECT_TRUE(Produced().starts_with("HTTP/1.1 200 OK\r\n"));

  Feed(std::string(kPostHead) + "Expect: 100-continue\r\n\r\nhel");
  EXPECT_EQ(Produced(), "") << "the body comes without being asked for";
  Feed("lo");
  Answer("ok");
  Produced();

  Feed(std::string(kPostHead) + "Expect: 100-continue\r\n\r\n");
  Answer("no");
  const std::string out = Produced();
  EXPECT_TRUE(out.starts_with("HTTP/1.1 200 OK\r\n")) << out;
  EXPECT_NE(out.find("connection: close\r\n"), std::string::npos) << out;
  EXPECT_TRUE(codec_->finished());
}

TEST_F(Http1CodecTest, AnAnswerBeforeTheEndOfTheRequestEndsTheConnection) {
  Feed(std::string(kPostHead) + "\r\nhe");
  Answer("no");
  EXPECT_NE(Produced().find("connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(codec_->finished());
  EXPECT_FALSE(Feed("lloGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_EQ(requests(), 1u);
}

TEST_F(Http1CodecTest, VersionsDifferInWhatKeepsTheConnection) {
  struct Row {
    std::string_view version;
    std::string_view fields;
    std::string_view says;
    bool kept;
  };
  for (const Row& row :
       {Row{"1.1", "", "", true}, Row{"1.1", "Connection: close\r\n", "close", false},
        Row{"1.1", "Connection: x, CLOSE\r\n", "close", false}, Row{"1.0", "", "close", false},
        Row{"1.0", "Connection: Keep-Alive\r\n", "keep-alive", true},
        Row{"1.0", "Connection: keep-alive, close\r\n", "close", false}}) {
    SCOPED_TRACE(std::string(row.version) + " " + std::string(row.fields));
    Make({});
    EXPECT_TRUE(Feed("GET / HTTP/" + std::string(row.version) + "\r\nHost: a\r\n" +
                     std::string(row.fields) + "\r\n"));
    Answer("x");
    const std::string out = Produced();
    const std::string connection = "\r\nconnection: " + std::string(row.says) + "\r\n";
    EXPECT_EQ(out.find(row.says.empty() ? "\r\nconnection: " : connection) != std::string::npos,
              !row.says.empty())
        << out;
    EXPECT_EQ(codec_->finished(), !row.kept);
  }
}

TEST_F(Http1CodecTest, Version10ReadsUntilTheConnectionCloses) {
  Feed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  RecordedStream& stream = recorder_.last();
  codec_->Respond(stream, kOk, false);
  stream.body.Append("hello");
  EXPECT_EQ(Produced(), "HTTP/1.1 200 OK\r\nx-a: b\r\nconnection: close\r\n\r\nhello");
  EXPECT_FALSE(codec_->finished());
  stream.body_ended = true;
  EXPECT_EQ(Produced(), "");
  EXPECT_TRUE(codec_->finished());
}

TEST_F(Http1CodecTest, ADrainIsSaidWithTheNextAnswer) {
  Get();
  Answer("x");
  Produced();
  codec_->AnnounceDrain();
  codec_->Ping();
  EXPECT_FALSE(codec_->finished()) << "the peer may send one more request";
  EXPECT_EQ(recorder_.pongs, 0);
  EXPECT_TRUE(Get("/last"));
  Answer("x");
  EXPECT_NE(Produced().find("connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(codec_->finished());
}

TEST_F(Http1CodecTest, ADrainLetsWhatHasBegunEnd) {
  Get("/1");
  codec_->Drain();
  EXPECT_FALSE(codec_->finished());
  Answer("x");
  EXPECT_NE(Produced().find("connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(codec_->finished());

  Make({});
  codec_->Drain();
  EXPECT_TRUE(codec_->finished()) << "nothing had begun";

  Make({});
  Get("/1");
  codec_->Respond(recorder_.last(), kOk, false);
  Produced();
  codec_->Drain();  // the headers have left without a word of it
  recorder_.last().body_ended = true;
  EXPECT_EQ(Produced(), "0\r\n\r\n");
  EXPECT_TRUE(codec_->finished());
}

TEST_F(Http1CodecTest, WhatIsPipelinedWhenADrainIsAnnouncedIsAnswered) {
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  Feed(get + get);
  codec_->AnnounceDrain();
  Answer("1");
  EXPECT_EQ(Produced().find("connection: close"), std::string::npos);
  ASSERT_EQ(requests(), 2u);
  codec_->Drain();
  EXPECT_TRUE(Feed(get)) << "dropped: the answer before it says close";
  Answer("2");
  EXPECT_NE(Produced().find("connection: close"), std::string::npos);
  EXPECT_TRUE(codec_->finished());
  EXPECT_EQ(requests(), 2u);
}

TEST_F(Http1CodecTest, WhoSendsNoMoreGetsItsAnswers) {
  Feed("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /half HT");
  codec_->EndInput();
  EXPECT_FALSE(codec_->finished());
  Answer("x");
  EXPECT_NE(Produced().find("200"), std::string::npos);
  EXPECT_TRUE(codec_->finished());

  Make({});
  Feed(std::string(kPostHead) + "\r\n1234");
  EXPECT_TRUE(codec_->IsIncomplete(recorder_.last()));
  Feed("5");
  EXPECT_FALSE(codec_->IsIncomplete(recorder_.last()));
}

TEST_F(Http1CodecTest, TheTimeOfAHeadIsThatOfItsFirstByte) {
  EXPECT_EQ(codec_->head_since(), 0);
  codec_->OnBytes("\r\n", 1);
  EXPECT_EQ(codec_->head_since(), 0) << "a line end in front of a request is none of it";
  codec_->OnBytes("GET /", 2);
  codec_->OnBytes(" HTTP/1.1\r\nHo", 3);
  EXPECT_EQ(codec_->head_since(), 2);
  codec_->OnBytes("st: a\r\n\r\nG", 4);
  EXPECT_EQ(codec_->head_since(), 0);
  Answer("x");
  Produced();
  EXPECT_EQ(codec_->head_since(), 4) << "the next one has begun";
  codec_->OnBytes("ET /slow HTTP/1.1\r\nHost: a\r\nX-A: b", 5);
  codec_->TimeOutHead();
  EXPECT_TRUE(Produced().starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(codec_->finished());
  EXPECT_EQ(recorder_.last().Header(":path"), "/slow");
  EXPECT_EQ(recorder_.last().Header("x-a"), "(none)") << "who knows how it would have gone on";
}

TEST_F(Http1CodecTest, AResetCutsTheConnection) {
  Get();
  RecordedStream& stream = recorder_.last();
  codec_->Respond(stream, kOk, false);
  stream.body.Append("half");
  Produced();
  stream.body.Append("never sent");
  codec_->Reset(stream, HttpError::kCancel);
  EXPECT_FALSE(stream.closed) << "events come from Produce";
  EXPECT_TRUE(codec_->wants_write());
  EXPECT_EQ(Produced(), "");
  EXPECT_EQ(stream.closed, HttpError::kCancel);
  EXPECT_TRUE(codec_->finished());
  codec_->Consume(stream, 1);  // too late, and harmless
  codec_->Respond(stream, kOk, true);
  EXPECT_FALSE(codec_->wants_write());
}

TEST_F(Http1CodecTest, TerminateEndsWithAndWithoutARequest) {
  codec_->Terminate(HttpError::kEnhanceYourCalm);
  EXPECT_EQ(Produced(), "");
  EXPECT_TRUE(codec_->finished());
  Make({});
  Get();
  codec_->Respond(recorder_.last(), kOk, false);
  codec_->Terminate(HttpError::kInternalError);
  EXPECT_EQ(Produced(), "") << "half an answer is none";
  EXPECT_EQ(recorder_.last().closed, HttpError::kInternalError);
  EXPECT_TRUE(codec_->finished());
}

TEST_F(Http1CodecTest, WhoCannotServeEndsTheConnection) {
  recorder_.refuse = true;
  EXPECT_FALSE(Get());
  EXPECT_EQ(Produced(), "");
  EXPECT_TRUE(codec_->finished());
  Make({});
  EXPECT_FALSE(Feed("GET\t/ HTTP/1.1\r\n"));
  EXPECT_EQ(Produced(), "");
  EXPECT_TRUE(codec_->finished());
}

TEST_F(Http1CodecTest, WhatCouldBeReadOfABadHeadIsReported) {
  using Fields = std::vector<std::pair<std::string, std::string>>;
  Feed("\r\nGET /a HTTP/1.1\r\nHost: b\r\nX-Request-Id:  r1\t\r\nOri");
  Feed("gin: https://c\r\nContent-Length: x\r\nX-Later: d\r\n\r\n");
  RecordedStream& stream = recorder_.last();
  EXPECT_EQ(stream.headers, (Fields{{":method", "GET"},
                                    {":scheme", "http"},
                                    {":authority", "b"},
                                    {":path", "/a"},
                                    {"x-request-id", "r1"},
                                    {"origin", "https://c"}}));
  EXPECT_FALSE(stream.headers_ended);
  EXPECT_EQ(stream.unreadable->reason, "HTTP_LENGTH_INVALID");
  EXPECT_TRUE(Produced().ends_with("connection: close\r\n\r\nHTTP_LENGTH_INVALID"));
  EXPECT_TRUE(codec_->finished());

  Make({});
  Feed("GET nowhere HTTP/1.1\r\nX-Request-Id: r1\r\n\r\n");
  EXPECT_EQ(recorder_.last().headers, Fields{}) << "whose request it is, is not known either";
  EXPECT_EQ(recorder_.last().unreadable->reason, "HTTP_TARGET_MALFORMED");
}

TEST_F(Http1CodecTest, AnotherRequestsHeadersAreNotTakenForThoseOfABadOne) {
  Get("/1", "X-Request-Id: r1\r\n");
  Answer("one");
  Produced();
  Feed("nonsense / HTTP\r\n");
  EXPECT_EQ(recorder_.last().Header("x-request-id"), "(none)");
  EXPECT_EQ(recorder_.last().Header(":path"), "(none)");
}

TEST_F(Http1CodecTest, ABadRequestThatNobodyAnswersEndsTheConnection) {
  recorder_.codec = nullptr;
  EXPECT_FALSE(Feed("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(Produced(), "");
  EXPECT_EQ(recorder_.last().closed, HttpError::kProtocolError);
  EXPECT_TRUE(codec_->finished());
}

TEST_F(Http1CodecTest, AnAnswerThatIsCompleteGoesOutAlthoughItsRequestBreaks) {
  Feed("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
  Answer("no");
  EXPECT_FALSE(Feed("nonsense\r\n"));
  EXPECT_FALSE(recorder_.last().unreadable);
  EXPECT_FALSE(codec_->finished());
  const std::string out = Produced();
  EXPECT_TRUE(out.starts_with("HTTP/1.1 200 OK\r\n")) << out;
  EXPECT_TRUE(out.ends_with("connection: close\r\n\r\nno")) << out;
  EXPECT_TRUE(codec_->finished());
}

TEST_F(Http1CodecTest, AnAnswerUnderWayIsCutWhenItsRequestBreaks) {
  Feed("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
  RecordedStream& stream = recorder_.last();
  codec_->Respond(stream, kOk, false);
  EXPECT_TRUE(Produced().starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_FALSE(Feed("nonsense\r\n"));
  EXPECT_EQ(Produced(), "") << "a second answer would be read as part of the first";
  EXPECT_EQ(stream.closed, HttpError::kProtocolError);
  EXPECT_TRUE(codec_->finished());
}

TEST_F(Http1CodecTest, LargeBodiesGoBothWays) {
  const std::string large(1 << 20, 'x');
  Feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n");
  RecordedStream& stream = recorder_.last();
  for (std::size_t at = 0; at < large.size(); at += 10'000) {
    Feed(std::string_view(large).substr(at, 10'000));
    codec_->Consume(stream, stream.unconsumed);
    stream.unconsumed = 0;
    Produced();
  }
  EXPECT_EQ(stream.request_body, large);
  EXPECT_TRUE(stream.ended);
  Answer(large);
  std::string out;
  while (codec_->wants_write()) {
    const std::string part = Produced(16 * 1024);
    EXPECT_LE(part.size(), 16u * 1024);
    out += part;
  }
  EXPECT_TRUE(out.ends_with("\r\n\r\n" + large));
}

}  // namespace
}  // namespace prism::rpc

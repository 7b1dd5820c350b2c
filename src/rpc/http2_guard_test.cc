#include "rpc/http2_guard.h"

#include <gtest/gtest.h>

#include <string>

namespace prism::rpc {
namespace {

constexpr std::uint8_t kEnd = 1;

std::string Frame(int type, std::uint8_t flags, std::int32_t id, std::size_t length = 0) {
  std::string out;
  out.push_back(static_cast<char>(length >> 16));
  out.push_back(static_cast<char>(length >> 8));
  out.push_back(static_cast<char>(length));
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  for (int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(id >> shift));
  return out.append(length, 'p');
}

const std::string kPreface(24, 'P');

// What the guard says of these bytes, given whole and byte by byte: the same.
HttpError Judge(const std::string& frames, std::uint32_t max_idle = 100) {
  Http2FrameGuard whole(max_idle);
  const Http2FrameGuard::Verdict verdict = whole.OnBytes(kPreface + frames, kNanosPerSecond);
  Http2FrameGuard cut(max_idle);
  HttpError error = HttpError::kNoError;
  for (char c : kPreface + frames) {
    if (error == HttpError::kNoError) error = cut.OnBytes({&c, 1}, kNanosPerSecond).error;
  }
  EXPECT_EQ(error, verdict.error);
  return verdict.error;
}

TEST(Http2Guard, AcceptsOrdinaryTraffic) {
  EXPECT_EQ(Judge(Frame(4, 0, 0, 12) + Frame(1, 4, 1, 30) + Frame(0, kEnd, 1, 100) +
                  Frame(8, 0, 0, 4) + Frame(1, 4 | kEnd, 3, 30) + Frame(3, 0, 3, 4) +
                  Frame(1, 4, 5, 7) + Frame(1, 4 | kEnd, 5, 7)),
            HttpError::kNoError);
}

TEST(Http2Guard, RefusesASkippedStreamId) {
  EXPECT_EQ(Judge(Frame(1, 5, 5, 3) + Frame(1, 5, 3, 3)), HttpError::kProtocolError);
  EXPECT_EQ(Judge(Frame(1, 5, 1, 3) + Frame(1, 5, 9, 3) + Frame(1, 5, 7, 3)),
            HttpError::kProtocolError);
}

TEST(Http2Guard, RefusesFramesOfAStreamThatItsSenderHasEnded) {
  EXPECT_EQ(Judge(Frame(1, 5, 1, 3) + Frame(0, 0, 1, 3)), HttpError::kStreamClosed);
  EXPECT_EQ(Judge(Frame(1, 4, 1, 3) + Frame(3, 0, 1, 4) + Frame(0, 0, 1, 3)),
            HttpError::kStreamClosed);
  EXPECT_EQ(Judge(Frame(1, 4, 1, 3) + Frame(0, kEnd, 1, 3) + Frame(1, 5, 1, 3)),
            HttpError::kStreamClosed);
}

TEST(Http2Guard, SaysWhereTheOffendingFrameBegins) {
  Http2FrameGuard guard(100);
  const std::string good = kPreface + Frame(1, 5, 5, 3);
  const auto verdict = guard.OnBytes(good + Frame(1, 5, 3, 3), kNanosPerSecond);
  EXPECT_EQ(verdict.accepted, good.size());
}

TEST(Http2Guard, CutsFloodsOfEachKind) {
  for (int type : {2 /* PRIORITY */, 4 /* SETTINGS */, 6 /* PING */, 8 /* WINDOW_UPDATE */,
                   0 /* empty DATA */, 77}) {
    std::string flood = Frame(1, 4, 1, 3);
    for (int i = 0; i < 100; ++i) flood += Frame(type, 0, 1);
    EXPECT_EQ(Judge(flood), HttpError::kNoError) << type;
    EXPECT_EQ(Judge(flood + Frame(type, 0, 1)), HttpError::kEnhanceYourCalm) << type;
  }
}

TEST(Http2Guard, ForgivesAfterASecondAndAfterAResponse) {
  Http2FrameGuard guard(10);
  MonoNanos now = kNanosPerSecond;
  std::string ten;
  for (int i = 0; i < 10; ++i) ten += Frame(6, 0, 0, 8);
  EXPECT_EQ(guard.OnBytes(kPreface + ten, now).error, HttpError::kNoError);
  now += kNanosPerSecond;
  EXPECT_EQ(guard.OnBytes(ten, now).error, HttpError::kNoError);
  guard.OnProgress();
  EXPECT_EQ(guard.OnBytes(ten, now).error, HttpError::kNoError);
  EXPECT_EQ(guard.OnBytes(ten, now).error, HttpError::kEnhanceYourCalm);
}

}  // namespace
}  // namespace prism::rpc

#include "rpc/http/http2_guard.h"

#include <gtest/gtest.h>

#include <string>

namespace prism::rpc {
namespace {

constexpr std::uint8_t kEnd = 1;
constexpr std::uint8_t kPadded = 8;

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
  const Http2Limits limits{.max_idle_frames_per_second = max_idle};
  Http2FrameGuard whole(limits);
  const Http2FrameGuard::Verdict verdict = whole.OnBytes(kPreface + frames, kNanosPerSecond);
  Http2FrameGuard cut(limits);
  HttpError error = HttpError::kNoError;
  for (char c : kPreface + frames) {
    if (error == HttpError::kNoError) error = cut.OnBytes({&c, 1}, kNanosPerSecond).error;
  }
  EXPECT_EQ(error, verdict.error);
  return verdict.error;
}

TEST(Http2Guard, KnowsSinceWhenAHeadIsIncomplete) {
  Http2FrameGuard guard{Http2Limits{}};
  const std::string headers = Frame(1, 4, 1, 30);
  const std::string open = Frame(1, 0, 3, 30);
  guard.OnBytes(kPreface.substr(0, 10), 1);
  EXPECT_EQ(guard.incomplete_since(), 1);
  guard.OnBytes(kPreface.substr(10) + headers.substr(0, 5), 2);
  EXPECT_EQ(guard.incomplete_since(), 2);
  guard.OnBytes(headers.substr(5, 10), 3);
  EXPECT_EQ(guard.incomplete_since(), 2) << "byte after byte buys no time";
  guard.OnBytes(headers.substr(15), 4);
  EXPECT_EQ(guard.incomplete_since(), 0);
  guard.OnBytes(Frame(0, 0, 1, 100).substr(0, 50), 5);
  EXPECT_EQ(guard.incomplete_since(), 0) << "bodies have times of their own";
  guard.OnBytes(std::string(59, 'p') + open, 6);
  EXPECT_EQ(guard.incomplete_since(), 6);
  guard.OnBytes(Frame(9, 0, 3, 10), 7);
  EXPECT_EQ(guard.incomplete_since(), 6) << "nor does CONTINUATION after CONTINUATION";
  guard.OnBytes(Frame(9, 4, 3, 10), 8);
  EXPECT_EQ(guard.incomplete_since(), 0);
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
  Http2FrameGuard guard({});
  const std::string good = kPreface + Frame(1, 5, 5, 3);
  const auto verdict = guard.OnBytes(good + Frame(1, 5, 3, 3), kNanosPerSecond);
  EXPECT_EQ(verdict.accepted, good.size());
}

TEST(Http2Guard, CutsFloodsOfEachKind) {
  for (int type : {2 /* PRIORITY */, 6 /* PING */, 8 /* WINDOW_UPDATE */, 0 /* empty DATA */, 77}) {
    std::string flood = Frame(1, 4, 1, 3);
    for (int i = 0; i < 100; ++i) flood += Frame(type, 0, 1);
    EXPECT_EQ(Judge(flood), HttpError::kNoError) << type;
    EXPECT_EQ(Judge(flood + Frame(type, 0, 1)), HttpError::kEnhanceYourCalm) << type;
  }
}

TEST(Http2Guard, TakesPaddingForNothing) {
  std::string flood = Frame(1, 4, 1, 3);
  for (int i = 0; i < 100; ++i) flood += Frame(0, kPadded, 1, 256);
  EXPECT_EQ(Judge(flood), HttpError::kNoError);
  EXPECT_EQ(Judge(flood + Frame(0, kPadded, 1, 257)), HttpError::kNoError);
  EXPECT_EQ(Judge(flood + Frame(0, kPadded, 1, 1)), HttpError::kEnhanceYourCalm);
}

TEST(Http2Guard, CountsSettingsByTheirEntries) {
  std::string flood;
  for (int i = 0; i < 20; ++i) flood += Frame(4, 0, 0, 4 * std::size_t{6});
  EXPECT_EQ(Judge(flood + Frame(4, 1 /* ACK */, 0)), HttpError::kNoError);
  EXPECT_EQ(Judge(flood + Frame(4, 0, 0)), HttpError::kEnhanceYourCalm);
}

TEST(Http2Guard, CountsResetsOfBothSides) {
  const Http2Limits limits{.resets = {.burst = 10, .per_second = 5}};
  Http2FrameGuard guard(limits);
  MonoNanos now = kNanosPerSecond;
  std::string resets;
  for (int i = 0; i < 6; ++i) resets += Frame(3, 0, 1 + 2 * i, 4);
  EXPECT_EQ(guard.OnBytes(kPreface + resets, now).error, HttpError::kNoError);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(guard.OnResetByUs(now));
  now += kNanosPerSecond;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(guard.OnResetByUs(now));
  EXPECT_EQ(guard.OnBytes(Frame(3, 0, 21, 4), now).error, HttpError::kEnhanceYourCalm);
}

TEST(Http2Guard, ForgivesAfterASecondAndAfterAResponse) {
  const Http2Limits limits{.max_idle_frames_per_second = 10};
  Http2FrameGuard guard(limits);
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

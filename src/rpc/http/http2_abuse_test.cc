// What hostile and broken peers send, frame by frame.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/testing/rounds.h"
#include "rpc/testing/wire.h"

namespace prism::rpc {
namespace {

using testing::EchoDispatcher;
using testing::Framed;
using testing::Serialized;
using testing::Wire;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

std::string Frame(int type, int flags, std::int32_t id, std::string_view payload = {}) {
  std::string out;
  for (int shift : {16, 8, 0}) out.push_back(static_cast<char>(payload.size() >> shift));
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  for (int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(id >> shift));
  return out.append(payload);
}

// A literal header without indexing (RFC 7541 section 6.2.2); both shorter than 127 bytes.
std::string Literal(std::string_view name, std::string_view value) {
  std::string out(1, '\0');
  out.push_back(static_cast<char>(name.size()));
  out.append(name);
  out.push_back(static_cast<char>(value.size()));
  return out.append(value);
}

std::string CallBlock(std::string_view path) {
  // Indexed: POST, http.
  return "\x83\x86" + Literal(":path", path) + Literal(":authority", "a") +
         Literal("content-type", "application/grpc") + Literal("te", "trailers");
}

std::string Hello() { return std::string(kPreface) + Frame(4, 0, 0); }

// GOAWAY with ENHANCE_YOUR_CALM is the last frame.
void ExpectCalmDown(Wire& wire) {
  EXPECT_FALSE(wire.server_open);
  std::string out;
  wire.server->Produce(out, 1 << 20);
  EXPECT_EQ(out.back(), 11);
}

TEST(Http2Abuse, RapidResetStartsNothingAndEndsTheConnection) {
  Wire wire;
  wire.Feed(Hello());
  std::string resets;
  for (std::int32_t id = 1; id < 30'000; id += 2) {
    resets += Frame(1, 4, id, CallBlock(EchoDispatcher::kUnary)) +
              Frame(0, 1, id, Framed(Serialized("x"))) +
              Frame(3, 0, id, std::string("\0\0\0\x8", 4));
  }
  std::string_view rest = resets;
  while (!rest.empty() && wire.server_open && !wire.server->finished()) {
    const std::size_t piece = std::min<std::size_t>(64 * 1024, rest.size());
    wire.Feed(rest.substr(0, piece));
    rest.remove_prefix(piece);
    std::string out;
    wire.server->Produce(out, 1 << 20);
  }
  EXPECT_FALSE(rest.empty());
  // Only a call whose frames lie in two reads can have started.
  EXPECT_LT(wire.dispatcher.started, 60);
}

TEST(Http2Abuse, ContinuationFloodEndsTheConnection) {
  Wire wire;
  wire.Feed(Hello() + Frame(1, 0, 1, "\x83"));
  for (int i = 0; i < 1000 && wire.server_open; ++i) wire.Feed(Frame(9, 0, 1, Literal("x", "y")));
  ExpectCalmDown(wire);
  EXPECT_EQ(wire.dispatcher.started, 0);
}

TEST(Http2Abuse, FloodsOfFramesThatBringNothingEndTheConnection) {
  for (const std::string& frame :
       {Frame(6, 0, 0, "12345678"), Frame(0, 0, 1), Frame(0, 8, 1, std::string(1, '\0')),
        Frame(2, 0, 3, std::string(5, '\0'))}) {
    Wire wire;
    wire.Feed(Hello() + Frame(1, 4, 1, CallBlock(EchoDispatcher::kChat)));
    int sent = 0;
    for (; sent < 5000 && wire.server_open; ++sent) wire.Feed(frame);
    EXPECT_GT(sent, 900);
    ExpectCalmDown(wire);
  }
}

// Each SETTINGS_INITIAL_WINDOW_SIZE changes the window of every open stream.
TEST(Http2Abuse, WindowsThatGoUpAndDownEndTheConnection) {
  Wire wire;
  wire.Feed(Hello());
  std::string changes;
  for (int i = 0; i < 16; ++i) changes += std::string("\0\4\0\0\0\0\0\4\0\1\0\0", 12);
  int sent = 0;
  for (; sent < 100 && wire.server_open; ++sent) wire.Feed(Frame(4, 0, 0, changes));
  EXPECT_LT(sent, 10);
  ExpectCalmDown(wire);
}

// A client that has the server reset its streams gets no further than one that does so itself.
TEST(Http2Abuse, StreamsThatTheServerHasToResetEndTheConnection) {
  Wire wire;
  wire.Feed(Hello());
  std::int32_t id = 1;
  for (; id < 30'000 && wire.server_open && !wire.server->finished(); id += 2) {
    wire.Feed(Frame(1, 4, id, CallBlock(EchoDispatcher::kUnary)) +
              Frame(8, 0, id, std::string("\x7f\xff\xff\xff", 4)));
    if (id % 100 != 1) continue;
    std::string out;
    wire.server->Produce(out, 1 << 20);
  }
  EXPECT_LT(id, 10'000);
  EXPECT_EQ(wire.dispatcher.started, 0);
}

// One byte on the wire is 4 KB of headers here (RFC 7541 section 7.3).
TEST(Http2Abuse, HeadersThatUnpackToMegabytesEndTheConnection) {
  Wire wire;
  const std::string large = "\x40\x01x\x7f" + std::string("\xa1\x1e", 2) + std::string(4000, 'v');
  const std::string block = CallBlock(EchoDispatcher::kUnary);
  wire.Feed(Hello() + Frame(1, 5, 1, block + large));
  EXPECT_TRUE(wire.server_open);
  wire.Feed(Frame(1, 5, 3, block + std::string(10, '\xbe')));
  EXPECT_TRUE(wire.server_open) << "too large is answered";
  wire.Feed(Frame(1, 5, 5, block + std::string(10'000, '\xbe')));
  ExpectCalmDown(wire);
}

TEST(Http2Abuse, AClosedWindowHoldsTheAnswerOnly) {
  Wire wire;
  // SETTINGS_INITIAL_WINDOW_SIZE 0: no body may come.
  wire.Feed(std::string(kPreface) + Frame(4, 0, 0, std::string("\0\4\0\0\0\0", 6)));
  for (std::int32_t id : {1, 3, 5}) {
    wire.Feed(Frame(1, 4, id, CallBlock(EchoDispatcher::kUnary)) +
              Frame(0, 1, id, Framed(Serialized("answer"))));
  }
  std::string out;
  wire.server->Produce(out, 1 << 20);
  EXPECT_EQ(out.find("answer"), std::string::npos);
  EXPECT_EQ(wire.server->queued_bytes(), 3 * Framed(Serialized("answer")).size());
  wire.Feed(Frame(8, 0, 3, std::string("\0\0\1\0", 4)));
  out.clear();
  wire.server->Produce(out, 1 << 20);
  EXPECT_NE(out.find("answer"), std::string::npos);
  EXPECT_EQ(wire.server->open_calls(), 2u);
}

// A few bytes ask for much: what asks for more waits until some of it has left.
TEST(Http2Abuse, CallsWaitBehindAnswersThatNobodyTakes) {
  ServerLimits limits;
  limits.max_buffered_bytes = 12 << 20;
  Wire wire(limits);
  const std::string large(100'000, 'v');
  std::string calls = std::string(kPreface) + Frame(4, 0, 0, std::string("\0\4\0\0\0\0", 6));
  for (std::int32_t id = 1; id < 40; id += 2) {
    calls += Frame(1, 4, id, CallBlock(EchoDispatcher::kUnary));
    std::string_view body_left;
    const std::string body = Framed(Serialized(large));
    for (body_left = body; body_left.size() > 16'000; body_left.remove_prefix(16'000)) {
      calls += Frame(0, 0, id, body_left.substr(0, 16'000));
    }
    calls += Frame(0, 1, id, body_left);
  }
  wire.Feed(calls);
  EXPECT_EQ(wire.dispatcher.started, 3);
  EXPECT_LT(wire.server->queued_bytes(), 400'000u);
  EXPECT_EQ(wire.server->open_calls(), 20u);
  // The windows open, of all streams and of the connection.
  wire.Feed(Frame(8, 0, 0, std::string("\0\x40\0\0", 4)) +
            Frame(4, 0, 0, std::string("\0\4\0\x10\0\0", 6)));
  while (wire.server->wants_write()) {
    std::string out;
    wire.server->Produce(out, 1 << 20);
    ASSERT_FALSE(out.empty());
  }
  EXPECT_EQ(wire.dispatcher.finished, 20);
  EXPECT_EQ(wire.calls.memory().held(), 0u);
}

// Small calls go on while memory is short: what a pooled call had kept from the headers of another
// must not make one large.
TEST(Http2Abuse, WhatEarlierHeadersNeededIsNotHeldByALaterCall) {
  Wire wire;
  const std::string large = std::string("\x40\x01x\x7f\xf5\x1b", 6) + std::string(3'700, 'v');
  const auto held_by = [&wire](std::int32_t id, const std::string& block) {
    wire.Feed(Frame(1, 4, id, block));
    const std::size_t held = wire.calls.memory().held();
    wire.Feed(Frame(3, 0, id, std::string("\0\0\0\x8", 4)));
    EXPECT_EQ(wire.calls.memory().held(), 0u);
    return held;
  };
  const std::string small = CallBlock(EchoDispatcher::kUnary);
  wire.Feed(Hello());
  const std::size_t before = held_by(1, small);
  EXPECT_GT(held_by(3, small + large), before + 3'700);
  EXPECT_EQ(held_by(5, small), before);
}

// A conversation with every kind of call, as the client's bytes.
std::string Conversation() {
  std::string bytes = Hello();
  std::int32_t id = 1;
  for (std::string_view path :
       {EchoDispatcher::kUnary, EchoDispatcher::kFail, EchoDispatcher::kHold, EchoDispatcher::kDeaf,
        EchoDispatcher::kSilent, EchoDispatcher::kRepeat, EchoDispatcher::kCollect,
        EchoDispatcher::kChat, EchoDispatcher::kUnary}) {
    bytes += Frame(1, 4, id, CallBlock(path)) +
             Frame(0, 0, id, Framed(Serialized("some value")).substr(0, 7)) +
             Frame(0, 1, id, Framed(Serialized("some value")).substr(7));
    id += 2;
  }
  return bytes + Frame(3, 0, 5, std::string("\0\0\0\x8", 4)) + Frame(7, 0, 0, std::string(8, '\0'));
}

// Whatever is lost, doubled or damaged on the way, and wherever the connection breaks: every task
// that started ends, and the counts come out even.
TEST(Http2Abuse, StressDamagedConversationsLeaveNothingBehind) {
  std::mt19937 random(20261121);
  const std::string whole = Conversation();
  for (int round = 0; round < base::Rounds(3'000, 300'000); ++round) {
    Wire wire;
    std::string bytes = whole;
    for (auto damages = random() % 4; damages > 0; --damages) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, random() % 20);
          break;
        case 2:
          bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 20));
          break;
        default:
          bytes.resize(std::max<std::size_t>(at, 1));
      }
    }
    for (std::string_view rest = bytes; !rest.empty() && wire.server_open;) {
      const std::size_t piece = std::min<std::size_t>(1 + random() % 200, rest.size());
      wire.Feed(rest.substr(0, piece));
      rest.remove_prefix(piece);
      std::string out;
      if (random() % 3 == 0) wire.server->Produce(out, 1 + random() % 1000);
      if (random() % 20 == 0) wire.dispatcher.Release();
    }
    if (random() % 2 == 0) wire.server->Shutdown();
    wire.server.reset();
    wire.dispatcher.Release();
    ASSERT_EQ(wire.calls.tasks().running(), 0u) << "round " << round;
    ASSERT_EQ(wire.calls.memory().held(), 0u) << "round " << round;
    ASSERT_EQ(wire.dispatcher.started, wire.dispatcher.finished) << "round " << round;
  }
}

}  // namespace
}  // namespace prism::rpc

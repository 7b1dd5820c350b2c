#include "rpc/wire/grpc_frame.h"

#include <gtest/gtest.h>

namespace prism::rpc {
namespace {

std::string Framed(std::string_view message, bool compressed = false) {
  std::string out(kGrpcPrefixBytes, '\0');
  WriteGrpcPrefix(out.data(), compressed, static_cast<std::uint32_t>(message.size()));
  return out.append(message);
}

TEST(GrpcFrame, PrefixIsFlagAndBigEndianLength) {
  char prefix[kGrpcPrefixBytes];
  WriteGrpcPrefix(prefix, true, 0x01020304);
  EXPECT_EQ(std::string_view(prefix, 5), std::string_view("\1\1\2\3\4", 5));
}

TEST(GrpcFrame, CutsManyMessagesOutOfOneChunk) {
  GrpcFrameReader reader(100);
  reader.Append(Framed("one") + Framed("") + Framed("three", true));
  auto first = reader.Next();
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->bytes, "one");
  EXPECT_FALSE((*first)->compressed);
  auto second = reader.Next();
  ASSERT_TRUE(second && *second);
  EXPECT_EQ((*second)->bytes, "");
  auto third = reader.Next();
  ASSERT_TRUE(third && *third);
  EXPECT_EQ((*third)->bytes, "three");
  EXPECT_TRUE((*third)->compressed);
  auto none = reader.Next();
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  EXPECT_EQ(reader.buffered(), 0u);
}

TEST(GrpcFrame, ReassemblesByteByByte) {
  GrpcFrameReader reader(100);
  const std::string wire = Framed("hello") + Framed("world");
  std::string got;
  for (char c : wire) {
    reader.Append(std::string_view(&c, 1));
    auto frame = reader.Next();
    ASSERT_TRUE(frame);
    if (*frame) got += std::string((*frame)->bytes) + ";";
  }
  EXPECT_EQ(got, "hello;world;");
}

TEST(GrpcFrame, RefusesAnOversizedMessageAtItsPrefix) {
  GrpcFrameReader reader(10);
  reader.Append(std::string_view("\0\0\0\0\x0b", 5));
  auto frame = reader.Next();
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().code(), Code::kResourceExhausted);
  EXPECT_EQ(frame.error().reason(), "MESSAGE_TOO_LARGE");
  GrpcFrameReader exact(11);
  exact.Append(std::string_view("\0\0\0\0\x0b", 5));
  EXPECT_TRUE(exact.Next());
}

TEST(GrpcFrame, RefusesUnknownFlags) {
  GrpcFrameReader reader(10);
  reader.Append(std::string_view("\2\0\0\0\1x", 6));
  auto frame = reader.Next();
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().reason(), "GRPC_FRAME_MALFORMED");
}

TEST(GrpcFrame, ResetForgetsAPartialMessage) {
  GrpcFrameReader reader(100);
  reader.Append("\0\0\0");
  reader.Reset();
  EXPECT_EQ(reader.buffered(), 0u);
  reader.Append(Framed("x"));
  auto frame = reader.Next();
  ASSERT_TRUE(frame && *frame);
  EXPECT_EQ((*frame)->bytes, "x");
}

}  // namespace
}  // namespace prism::rpc

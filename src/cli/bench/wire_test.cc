#include "cli/bench/wire.h"

#include <gtest/gtest.h>

namespace prism::cli {
namespace {

TEST(WireTest, FrameHeaderRoundTrip) {
  std::string bytes;
  AppendFrameHeader(bytes, 70'000, kData, kFlagEndStream, 0x7ffffff1);
  ASSERT_EQ(bytes.size(), kFrameHeaderSize);
  const FrameHeader frame = ParseFrameHeader(reinterpret_cast<const std::uint8_t*>(bytes.data()));
  EXPECT_EQ(frame.length, 70'000u);
  EXPECT_EQ(frame.type, kData);
  EXPECT_EQ(frame.flags, kFlagEndStream);
  EXPECT_EQ(frame.stream, 0x7ffffff1u);
}

// A real inflater must read the same fields from the first block (literals) and the later ones
// (indexes), also when another value of the same name was inserted in between.
TEST(WireTest, EncodedBlocksDecodeWithARealInflater) {
  nghttp2_hd_inflater* inflater = nullptr;
  ASSERT_EQ(nghttp2_hd_inflate_new(&inflater), 0);
  HeaderEncoder encoder;
  const std::string_view paths[] = {"/a.B/Get", "/a.B/Get", "/a.B/Set", "/a.B/Get", "/a.B/Set"};
  for (const std::string_view path : paths) {
    std::string block;
    encoder.Append(block, 4, ":path", path);
    encoder.Append(block, 0, "te", "trailers");
    const auto* in = reinterpret_cast<const std::uint8_t*>(block.data());
    std::size_t left = block.size();
    std::string seen;
    for (int flags = 0; (flags & NGHTTP2_HD_INFLATE_FINAL) == 0;) {
      nghttp2_nv field;
      const auto used = nghttp2_hd_inflate_hd2(inflater, &field, &flags, in, left, 1);
      ASSERT_GE(used, 0);
      in += used;
      left -= static_cast<std::size_t>(used);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        seen.append(reinterpret_cast<const char*>(field.value), field.valuelen).append(";");
      }
    }
    nghttp2_hd_inflate_end_headers(inflater);
    EXPECT_EQ(seen, std::string(path) + ";trailers;");
  }
  nghttp2_hd_inflate_del(inflater);
}

TEST(WireTest, DecoderRemembersIndexedBlocksUntilTheTableChanges) {
  HeaderDecoder decoder;
  // grpc-status: 0 as a literal that enters the table, then by index.
  const std::string insert = std::string("\x40\x0bgrpc-status\x01", 14) + "0";
  const auto first = decoder.Decode(insert);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ((*first)->grpc_status, 0);
  const std::string indexed = "\xbe";
  for (int i = 0; i < 3; ++i) {
    const auto again = decoder.Decode(indexed);
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ((*again)->grpc_status, 0);
  }
  const std::string other = std::string("\x40\x0bgrpc-status\x01", 14) + "8";
  ASSERT_TRUE(decoder.Decode(other).has_value());
  const auto shifted = decoder.Decode(indexed);
  ASSERT_TRUE(shifted.has_value());
  EXPECT_EQ((*shifted)->grpc_status, 8);
}

TEST(WireTest, GarbageIsAnError) {
  HeaderDecoder decoder;
  EXPECT_FALSE(decoder.Decode("\xff\xff\xff\xff\xff\xff").has_value());
}

}  // namespace
}  // namespace prism::cli

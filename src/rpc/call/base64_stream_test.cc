#include "rpc/call/base64_stream.h"

#include <gtest/gtest.h>

#include "base/base64.h"

namespace prism::rpc {
namespace {

TEST(Base64Stream, DecodesPiecesHoweverTheyArrive) {
  const std::string text =
      base::Base64Encode("a") + base::Base64Encode("bcd") + base::Base64Encode("ef");
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    Base64Stream stream;
    std::string out;
    for (std::size_t i = 0; i < text.size(); i += piece) {
      ASSERT_TRUE(stream.Decode(std::string_view(text).substr(i, piece), out));
    }
    EXPECT_EQ(out, "abcdef") << piece;
    EXPECT_EQ(stream.pending(), 0u);
  }
}

TEST(Base64Stream, RefusesWhatIsNoBase64) {
  for (const char* bad : {"a=bc", "ab\ncd", "=abc", "a===", "YR==", "ab-_"}) {
    Base64Stream stream;
    std::string out;
    const Status status = stream.Decode(bad, out);
    ASSERT_FALSE(status) << bad;
    EXPECT_EQ(status.error().reason(), "GRPC_WEB_TEXT_MALFORMED");
  }
}

TEST(Base64Stream, KeepsAnIncompleteGroupUntilReset) {
  Base64Stream stream;
  std::string out;
  ASSERT_TRUE(stream.Decode("YWJjZ", out));
  EXPECT_EQ(out, "abc");
  EXPECT_EQ(stream.pending(), 1u);
  stream.Reset();
  ASSERT_TRUE(stream.Decode("ZGVm", out));
  EXPECT_EQ(out, "abcdef");
}

}  // namespace
}  // namespace prism::rpc

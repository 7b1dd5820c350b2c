#include "rpc/wire/grpc_metadata.h"

#include <gtest/gtest.h>

#include <limits>

namespace prism::rpc {
namespace {

std::string Encoded(std::string_view text) {
  std::string out;
  AppendPercentEncoded(out, text);
  return out;
}

TEST(GrpcMetadata, PercentEncodingKeepsPrintableAsciiOnly) {
  EXPECT_EQ(Encoded("plain text, ~ok~"), "plain text, ~ok~");
  EXPECT_EQ(Encoded("50%\n\x7f"), "50%25%0A%7F");
  EXPECT_EQ(Encoded("é"), "%C3%A9");
}

TEST(GrpcMetadata, PercentDecodingReversesAndToleratesGarbage) {
  EXPECT_EQ(PercentDecode(Encoded("50% \n é \x01")), "50% \n é \x01");
  EXPECT_EQ(PercentDecode("%c3%A9"), "é");
  EXPECT_EQ(PercentDecode("100% %2"), "100% %2");
  EXPECT_EQ(PercentDecode("%zz%41"), "%zzA");
}

TEST(GrpcMetadata, TimeoutsInAllUnits) {
  EXPECT_EQ(ParseGrpcTimeout("1n"), 1);
  EXPECT_EQ(ParseGrpcTimeout("2u"), 2'000);
  EXPECT_EQ(ParseGrpcTimeout("250m"), 250 * kNanosPerMilli);
  EXPECT_EQ(ParseGrpcTimeout("5S"), 5 * kNanosPerSecond);
  EXPECT_EQ(ParseGrpcTimeout("3M"), 180 * kNanosPerSecond);
  EXPECT_EQ(ParseGrpcTimeout("1H"), 3600 * kNanosPerSecond);
  EXPECT_EQ(ParseGrpcTimeout("99999999H"), std::numeric_limits<MonoNanos>::max());
  EXPECT_EQ(ParseGrpcTimeout("0m"), 0);
}

TEST(GrpcMetadata, MalformedTimeouts) {
  for (const char* text : {"", "m", "5", "5s", "-5m", "+5m", " 5m", "5 m", "123456789m", "5mm"}) {
    EXPECT_FALSE(ParseGrpcTimeout(text)) << text;
  }
}

TEST(GrpcMetadata, FormattedTimeoutsAreNeverShorterThanAsked) {
  EXPECT_EQ(FormatGrpcTimeout(0), "1n");
  EXPECT_EQ(FormatGrpcTimeout(5 * kNanosPerSecond), "5000000u");
  for (MonoNanos nanos : {MonoNanos{1}, MonoNanos{99'999'999}, MonoNanos{100'000'001},
                          MonoNanos{3600} * kNanosPerSecond, MonoNanos{1} << 60}) {
    const auto parsed = ParseGrpcTimeout(FormatGrpcTimeout(nanos));
    ASSERT_TRUE(parsed);
    EXPECT_GE(*parsed, nanos);
    EXPECT_LE(*parsed - nanos, nanos / 1000 + 1);
  }
}

TEST(GrpcMetadata, StatusMapping) {
  EXPECT_EQ(CodeOfHttpStatus(503), Code::kUnavailable);
  EXPECT_EQ(CodeOfHttpStatus(404), Code::kUnimplemented);
  EXPECT_EQ(CodeOfHttpStatus(200), Code::kUnknown);
  EXPECT_EQ(ParseGrpcStatus("0"), Code::kOk);
  EXPECT_EQ(ParseGrpcStatus("16"), Code::kUnauthenticated);
  EXPECT_EQ(ParseGrpcStatus("17"), Code::kUnknown);
  EXPECT_EQ(ParseGrpcStatus("-1"), Code::kUnknown);
  EXPECT_EQ(ParseGrpcStatus("5x"), Code::kUnknown);
  EXPECT_EQ(ParseGrpcStatus(""), Code::kUnknown);
}

}  // namespace
}  // namespace prism::rpc

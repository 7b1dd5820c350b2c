#include "base/time_text.h"

#include <gtest/gtest.h>

#include <string>

namespace prism::base {
namespace {

std::string Timestamp(std::int64_t seconds, std::int32_t nanos) {
  std::string out;
  return AppendTimestamp({.seconds = seconds, .nanos = nanos}, out) ? out : "refused";
}

std::string Duration(std::int64_t seconds, std::int32_t nanos) {
  std::string out;
  return AppendSeconds({.seconds = seconds, .nanos = nanos}, out) ? out : "refused";
}

TEST(TimeText, TimestampsAreWrittenInUtcWithGroupsOfThreeDigits) {
  EXPECT_EQ(Timestamp(0, 0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(Timestamp(1, 500'000'000), "1970-01-01T00:00:01.500Z");
  EXPECT_EQ(Timestamp(-1, 1'000), "1969-12-31T23:59:59.000001Z");
  EXPECT_EQ(Timestamp(-62'135'596'800, 0), "0001-01-01T00:00:00Z");
  EXPECT_EQ(Timestamp(253'402'300'799, 999'999'999), "9999-12-31T23:59:59.999999999Z");
  EXPECT_EQ(Timestamp(-62'135'596'801, 0), "refused");
  EXPECT_EQ(Timestamp(253'402'300'800, 0), "refused");
  EXPECT_EQ(Timestamp(0, -1), "refused");
  EXPECT_EQ(Timestamp(0, 1'000'000'000), "refused");
}

TEST(TimeText, TimestampsAreReadWithAnyOffset) {
  const SecondsAndNanos leap_day{.seconds = 951'782'400, .nanos = 0};
  EXPECT_EQ(ParseTimestamp("2000-02-29T00:00:00Z"), leap_day);
  EXPECT_EQ(ParseTimestamp("2000-02-29T05:30:00+05:30"), leap_day);
  EXPECT_EQ(ParseTimestamp("2000-02-28T16:00:00.000-08:00"), leap_day);
  EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:00.12Z"),
            (SecondsAndNanos{.seconds = 0, .nanos = 120'000'000}));
  EXPECT_EQ(ParseTimestamp("1969-12-31T23:59:59.999999999Z"),
            (SecondsAndNanos{.seconds = -1, .nanos = 999'999'999}));
}

TEST(TimeText, OtherTimestampsAreRefused) {
  for (const char* text : {"",
                           "2000-02-29",
                           "2001-02-29T00:00:00Z",
                           "2000-13-01T00:00:00Z",
                           "2000-01-01T24:00:00Z",
                           "2000-01-01T00:60:00Z",
                           "2000-01-01T00:00:60Z",
                           "2000-01-01t00:00:00Z",
                           "2000-01-01T00:00:00z",
                           "2000-01-01 00:00:00Z",
                           "2000-01-01T00:00:00",
                           "2000-01-01T00:00:00.Z",
                           "2000-01-01T00:00:00.1234567890Z",
                           "2000-01-01T00:00:00+24:00",
                           "2000-01-01T00:00:00+00:60",
                           "2000-01-01T00:00:00+0000",
                           "2000-01-01T00:00:00Z ",
                           "10000-01-01T00:00:00Z",
                           "+2000-01-01T00:00:00Z",
                           "2000-1-01T00:00:00Z",
                           "2000-01-01T00:00:00,5Z"}) {
    EXPECT_EQ(ParseTimestamp(text), std::unexpected(TextFault::kSyntax)) << text;
  }
  for (const char* text : {"0000-12-31T23:59:59Z", "0001-01-01T00:00:00+00:01",
                           "9999-12-31T23:59:59-00:01", "0000-12-31T23:59:59-01:00"}) {
    EXPECT_EQ(ParseTimestamp(text), std::unexpected(TextFault::kRange)) << text;
  }
}

TEST(TimeText, DurationsHaveOneSign) {
  EXPECT_EQ(Duration(0, 0), "0s");
  EXPECT_EQ(Duration(1, 500'000'000), "1.500s");
  EXPECT_EQ(Duration(-1, -500'000'001), "-1.500000001s");
  EXPECT_EQ(Duration(0, -1'000), "-0.000001s");
  EXPECT_EQ(Duration(315'576'000'000, 0), "315576000000s");
  EXPECT_EQ(Duration(315'576'000'001, 0), "refused");
  EXPECT_EQ(Duration(-315'576'000'001, 0), "refused");
  EXPECT_EQ(Duration(1, -1), "refused");
  EXPECT_EQ(Duration(-1, 1), "refused");
  EXPECT_EQ(Duration(0, 1'000'000'000), "refused");
  EXPECT_EQ(Duration(0, -1'000'000'000), "refused");
}

TEST(TimeText, DurationsAreRead) {
  EXPECT_EQ(ParseSeconds("3s"), (SecondsAndNanos{.seconds = 3, .nanos = 0}));
  EXPECT_EQ(ParseSeconds("-0.5s"), (SecondsAndNanos{.seconds = 0, .nanos = -500'000'000}));
  EXPECT_EQ(ParseSeconds("1.000000001s"), (SecondsAndNanos{.seconds = 1, .nanos = 1}));
  for (const char* text :
       {"", "s", "1", "1 s", "1m", "+1s", ".5s", "1.s", "1.0000000001s", "--1s", "1e3s", "1s "}) {
    EXPECT_EQ(ParseSeconds(text), std::unexpected(TextFault::kSyntax)) << text;
  }
  EXPECT_EQ(ParseSeconds("315576000001s"), std::unexpected(TextFault::kRange));
  EXPECT_EQ(ParseSeconds("-315576000001s"), std::unexpected(TextFault::kRange));
}

}  // namespace
}  // namespace prism::base

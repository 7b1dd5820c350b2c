#include "base/units.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace prism::base {
namespace {

using std::chrono::milliseconds;

std::int64_t Millis(std::string_view text) {
  const Result<milliseconds> parsed = ParseDuration(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? parsed->count() : -1;
}

std::string DurationError(std::string_view text) {
  const Result<milliseconds> parsed = ParseDuration(text);
  return parsed ? "parsed" : parsed.error().ToString();
}

TEST(ParseDurationTest, ReadsEveryUnitAndTheirSums) {
  EXPECT_EQ(Millis("250ms"), 250);
  EXPECT_EQ(Millis("10s"), 10'000);
  EXPECT_EQ(Millis("1m30s"), 90'000);
  EXPECT_EQ(Millis("1.5h"), 5'400'000);
  EXPECT_EQ(Millis("2d"), 172'800'000);
  EXPECT_EQ(Millis("0"), 0);
  EXPECT_EQ(Millis("-2s"), -2000);
  EXPECT_EQ(Millis("100000d"), 8'640'000'000'000);
}

TEST(ParseDurationTest, RoundsUpWhatIsFinerThanAMillisecond) {
  EXPECT_EQ(Millis("0.1ms"), 1);
  EXPECT_EQ(Millis("1.0001s"), 1001);
  EXPECT_EQ(Millis("-0.1ms"), -1);
}

TEST(ParseDurationTest, RefusesWhatItCantRead) {
  for (const char* text : {"", "-", "10", "s", "10 s", "1.s", ".5s", "10x", "10S", "1e3s", "--1s",
                           "1s-1s", "100001d", "99999999999999999999s", "0.1234567890123456789s"}) {
    EXPECT_TRUE(DurationError(text).starts_with("INVALID_ARGUMENT/BAD_DURATION"))
        << text << ": " << DurationError(text);
  }
  EXPECT_NE(DurationError("10x").find("\"x\" is unknown"), std::string::npos);
}

TEST(FormatDurationTest, IsReadBack) {
  EXPECT_EQ(FormatDuration(milliseconds(90'000)), "1m30s");
  EXPECT_EQ(FormatDuration(milliseconds(250)), "250ms");
  EXPECT_EQ(FormatDuration(milliseconds(0)), "0s");
  EXPECT_EQ(FormatDuration(milliseconds(-1500)), "-1s500ms");
  for (const std::int64_t millis : {1ll, 999ll, 86'400'001ll, 123'456'789ll, -5ll}) {
    EXPECT_EQ(Millis(FormatDuration(milliseconds(millis))), millis);
  }
}

std::uint64_t Bytes(std::string_view text) {
  const Result<std::uint64_t> parsed = ParseSize(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(0);
}

TEST(ParseSizeTest, ReadsBinaryAndDecimalUnits) {
  EXPECT_EQ(Bytes("0"), 0u);
  EXPECT_EQ(Bytes("4096"), 4096u);
  EXPECT_EQ(Bytes("4096B"), 4096u);
  EXPECT_EQ(Bytes("256KiB"), 262'144u);
  EXPECT_EQ(Bytes("256kib"), 262'144u);
  EXPECT_EQ(Bytes("10 GiB"), 10'737'418'240u);
  EXPECT_EQ(Bytes("1.5GiB"), 1'610'612'736u);
  EXPECT_EQ(Bytes("500MB"), 500'000'000u);
  EXPECT_EQ(Bytes("2M"), 2'097'152u);
  EXPECT_EQ(Bytes("9223372036854775807"), 9'223'372'036'854'775'807u);
}

TEST(ParseSizeTest, RefusesWhatItCantRead) {
  for (const char* text :
       {"", "KiB", "-1", "4XB", "4  MiB", "4MiB ", "1.KiB", "9223372036854775808", "9000000TiB"}) {
    const Result<std::uint64_t> parsed = ParseSize(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().reason(), "BAD_SIZE");
  }
}

TEST(FormatSizeTest, IsExactAndReadBack) {
  EXPECT_EQ(FormatSize(4ull << 20), "4MiB");
  EXPECT_EQ(FormatSize(1536 * 1024), "1536KiB");
  EXPECT_EQ(FormatSize(1000), "1000B");
  EXPECT_EQ(FormatSize(0), "0B");
  EXPECT_EQ(Bytes(FormatSize(10ull << 30)), 10ull << 30);
}

TEST(HumanSizeTest, HasThreeDigits) {
  EXPECT_EQ(HumanSize(999), "999 B");
  EXPECT_EQ(HumanSize(1'572'864), "1.50 MiB");
  EXPECT_EQ(HumanSize(15ull << 30), "15.0 GiB");
  EXPECT_EQ(HumanSize(std::numeric_limits<std::uint64_t>::max()), "16777216 TiB");
}

}  // namespace
}  // namespace prism::base

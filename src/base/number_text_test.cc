#include "base/number_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace prism::base {
namespace {

TEST(NumberText, WholeNumbersInEverySpelling) {
  EXPECT_EQ(ParseSigned("0"), 0);
  EXPECT_EQ(ParseSigned("-0"), 0);
  EXPECT_EQ(ParseSigned("1e3"), 1000);
  EXPECT_EQ(ParseSigned("1.5E+1"), 15);
  EXPECT_EQ(ParseSigned("-120e-1"), -12);
  EXPECT_EQ(ParseSigned("2.000"), 2);
  EXPECT_EQ(ParseSigned("0e99999999999999999999"), 0);
  EXPECT_EQ(ParseSigned("0.000123e6"), 123);
  EXPECT_EQ(ParseSigned("0." + std::string(400, '0') + "1e401"), 1);
  EXPECT_EQ(ParseUnsigned("-0.0e7"), 0u);
}

TEST(NumberText, TheEndsOfTheRange) {
  EXPECT_EQ(ParseSigned("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(ParseSigned("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(ParseSigned("-922337203685477580.8e1"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(ParseUnsigned("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  const auto range = std::unexpected(TextFault::kRange);
  EXPECT_EQ(ParseSigned("9223372036854775808"), range);
  EXPECT_EQ(ParseSigned("-9223372036854775809"), range);
  EXPECT_EQ(ParseSigned("1e999999999999999999999"), range);
  EXPECT_EQ(ParseUnsigned("18446744073709551616"), range);
  EXPECT_EQ(ParseUnsigned("1844674407370955162e1"), range);
  EXPECT_EQ(ParseUnsigned("-1"), range);
}

TEST(NumberText, FractionsAreNotWhole) {
  const auto fraction = std::unexpected(TextFault::kNotWhole);
  EXPECT_EQ(ParseSigned("1.5"), fraction);
  EXPECT_EQ(ParseSigned("15e-1"), fraction);
  EXPECT_EQ(ParseUnsigned("0.1"), fraction);
  EXPECT_EQ(ParseUnsigned("1e-999999999999999999999"), fraction);
}

TEST(NumberText, OtherSpellingsAreNoNumbers) {
  for (const char* text : {"", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", " 1", "1 ", "0x1",
                           "1_000", "NaN", "inf", "1.5.2", "1e1.5", "--1"}) {
    EXPECT_EQ(ParseSigned(text), std::unexpected(TextFault::kSyntax)) << text;
    EXPECT_EQ(ParseUnsigned(text), std::unexpected(TextFault::kSyntax)) << text;
    EXPECT_EQ(ParseDouble(text), std::unexpected(TextFault::kSyntax)) << text;
    EXPECT_FALSE(IsCanonicalInteger(text)) << text;
  }
}

TEST(NumberText, RealsOverflowLoudlyAndUnderflowToZero) {
  EXPECT_EQ(ParseDouble("1.7976931348623157e308"), std::numeric_limits<double>::max());
  EXPECT_EQ(ParseDouble("5e-324"), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(ParseDouble("1e400"), std::unexpected(TextFault::kRange));
  EXPECT_EQ(ParseDouble("-" + std::string(400, '9')), std::unexpected(TextFault::kRange));
  EXPECT_EQ(ParseDouble("1e-400"), 0.0);
  EXPECT_EQ(ParseDouble("0." + std::string(400, '0') + "1"), 0.0);
  EXPECT_TRUE(std::signbit(ParseDouble("-1e-400").value()));
  EXPECT_TRUE(std::signbit(ParseDouble("-0").value()));
  EXPECT_EQ(ParseFloat("3.4028235e38"), std::numeric_limits<float>::max());
  EXPECT_EQ(ParseFloat("3.5e38"), std::unexpected(TextFault::kRange));
  EXPECT_EQ(ParseFloat("1e-60"), 0.0F);
}

TEST(NumberText, KeysHaveOneSpelling) {
  for (const char* text : {"0", "7", "-7", "10", "18446744073709551615"}) {
    EXPECT_TRUE(IsCanonicalInteger(text)) << text;
  }
  for (const char* text : {"-0", "1.0", "1e0", "00", "1E2"}) {
    EXPECT_FALSE(IsCanonicalInteger(text)) << text;
  }
}

}  // namespace
}  // namespace prism::base

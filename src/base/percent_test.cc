#include "base/percent.h"

#include <gtest/gtest.h>

namespace prism::base {
namespace {

TEST(Percent, ReadsAnEscape) {
  EXPECT_EQ(PercentEscapeAt("%41", 0), 'A');
  EXPECT_EQ(PercentEscapeAt("a%c3%A9", 1), '\xc3');
  EXPECT_EQ(PercentEscapeAt("a%c3%A9", 4), '\xa9');
}

TEST(Percent, RefusesWhatIsNone) {
  for (const char* text : {"", "%", "%4", "%4g", "%g4", "%-1", "A41", "% 41"}) {
    EXPECT_EQ(PercentEscapeAt(text, 0), std::nullopt) << text;
  }
  EXPECT_EQ(PercentEscapeAt("%41", 1), std::nullopt);
  EXPECT_EQ(PercentEscapeAt("%41", 9), std::nullopt);
}

TEST(Percent, WhatIsWrittenIsRead) {
  for (int octet = 0; octet < 256; ++octet) {
    std::string text;
    AppendPercentEscape(text, static_cast<char>(octet));
    EXPECT_EQ(PercentEscapeAt(text, 0), static_cast<char>(octet)) << text;
  }
}

TEST(Percent, EncodesAllThatIsNotUnreserved) {
  EXPECT_EQ(PercentEncode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(PercentEncode("user@branch a/b%"), "user%40branch%20a%2Fb%25");
  EXPECT_EQ(PercentEncode("\xC3\xA9\n"), "%C3%A9%0A");
}

}  // namespace
}  // namespace prism::base

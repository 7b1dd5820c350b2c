#include "security/token_text.h"

#include <gtest/gtest.h>

#include <set>

namespace prism::security {
namespace {

TEST(TokenTextTest, WhatIsMadeIsParsed) {
  const std::string text = *NewTokenText();
  ASSERT_EQ(text.size(), kTokenLength);
  const auto parts = ParseToken(text);
  ASSERT_TRUE(parts);
  EXPECT_TRUE(IsTokenId(parts->id));
  EXPECT_EQ(parts->secret.size(), kTokenSecretLength);
  EXPECT_TRUE(text.starts_with("prism_" + std::string(parts->id) + "_"));
}

TEST(TokenTextTest, NoTwoAreAlikeAndEveryDigitOccurs) {
  std::set<std::string> ids;
  std::set<char> digits;
  for (int i = 0; i < 200; ++i) {
    const std::string text = *NewTokenText();
    const auto parts = ParseToken(text);
    ids.emplace(parts->id);
    digits.insert(parts->secret.begin(), parts->secret.end());
  }
  EXPECT_EQ(ids.size(), 200u);
  // 8600 draws miss one of 62 with a probability of 1e-59.
  EXPECT_EQ(digits.size(), 62u);
}

TEST(TokenTextTest, EveryMistypedOrSwappedCharacterIsNoticed) {
  const std::string text = *NewTokenText();
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const char other : {'a', 'Z', '7', '_', ' ', '\0', '\xc3'}) {
      std::string wrong = text;
      wrong[i] = other;
      EXPECT_EQ(ParseToken(wrong).has_value(), wrong == text) << i;
    }
    if (i == 0) continue;
    std::string wrong = text;
    std::swap(wrong[i], wrong[i - 1]);
    EXPECT_EQ(ParseToken(wrong).has_value(), wrong == text) << i;
  }
}

TEST(TokenTextTest, NothingShorterOrLongerIsOne) {
  const std::string text = *NewTokenText();
  for (std::size_t length = 0; length < text.size(); ++length) {
    EXPECT_FALSE(ParseToken(std::string_view(text).substr(0, length)));
  }
  EXPECT_FALSE(ParseToken(text + "0"));
  EXPECT_FALSE(ParseToken(" " + text.substr(1)));
}

TEST(TokenTextTest, HashesAreSha256AndPrintInHex) {
  // FIPS 180-2, appendix B.1.
  const SecretHash abc = HashSecret("abc");
  const std::string hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(HexOf(abc), hex);
  EXPECT_TRUE(SameHash(abc, *HashFromHex(hex)));
  EXPECT_FALSE(SameHash(abc, HashSecret("abd")));
  EXPECT_FALSE(HashFromHex(hex.substr(1)));
  EXPECT_FALSE(HashFromHex("g" + hex.substr(1)));
  EXPECT_FALSE(HashFromHex("A" + hex.substr(1)));
}

TEST(TokenTextTest, RedactionLeavesTheIdAndNothingOfTheSecret) {
  const std::string one = *NewTokenText();
  const std::string two = *NewTokenText();
  const std::string text = RedactTokens("use " + one + " or " + two + " (prism_serve is no token)");
  EXPECT_EQ(text.find(ParseToken(one)->secret), std::string::npos);
  EXPECT_EQ(text.find(ParseToken(two)->secret), std::string::npos);
  EXPECT_EQ(text, "use prism_" + std::string(ParseToken(one)->id) + "_... or prism_" +
                      std::string(ParseToken(two)->id) + "_... (prism_serve is no token)");
  EXPECT_EQ(RedactTokens("prism_" + one).find(ParseToken(one)->secret), std::string::npos);
  EXPECT_EQ(RedactTokens(""), "");
}

}  // namespace
}  // namespace prism::security

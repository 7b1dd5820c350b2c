#include "base/base64.h"

#include <gtest/gtest.h>

#include <utility>

namespace prism::base {
namespace {

TEST(Base64Test, HasTheVectorsOfRfc4648) {
  for (const auto& [bytes, text] : {std::pair<std::string, std::string>{"", ""},
                                    {"f", "Zg=="},
                                    {"fo", "Zm8="},
                                    {"foo", "Zm9v"},
                                    {"foob", "Zm9vYg=="},
                                    {"fooba", "Zm9vYmE="},
                                    {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(Base64Encode(bytes), text);
    EXPECT_EQ(Base64EncodeUnpadded(bytes), text.substr(0, text.find('=')));
    EXPECT_EQ(Base64Decode(text), bytes);
    EXPECT_EQ(Base64Decode(text.substr(0, text.find('='))), bytes) << "without padding";
  }
}

TEST(Base64Test, KeepsEveryByte) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  EXPECT_EQ(Base64Decode(Base64Encode(bytes)), bytes);
}

TEST(Base64Test, RefusesWhatIsNoBase64) {
  for (const char* text :
       {"Z", "Zg=", "Zg===", "Z g=", "Zm9v=", "=", "Zh==", "Zm9=", "Zm-v", "Zm9vY"}) {
    EXPECT_EQ(Base64Decode(text), std::nullopt) << text;
  }
}

TEST(Base64Test, HasTheAlphabetForUrls) {
  EXPECT_EQ(Base64UrlDecode("-_-_"), "\xfb\xff\xbf");
  EXPECT_EQ(Base64UrlDecode("-_8="), "\xfb\xff");
  EXPECT_EQ(Base64UrlDecode("Zm9v"), "foo");
  for (const char* text : {"+/+/", "-/", "-", "-_-_="}) {
    EXPECT_EQ(Base64UrlDecode(text), std::nullopt) << text;
  }
}

TEST(Base64Test, TakesEitherAlphabetButNotBoth) {
  EXPECT_EQ(Base64DecodeEither("-_-_"), Base64DecodeEither("+/+/"));
  EXPECT_EQ(Base64DecodeEither("Zm9v"), "foo");
  EXPECT_EQ(Base64DecodeEither("-_+/"), std::nullopt);
}

}  // namespace
}  // namespace prism::base

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

}  // namespace
}  // namespace prism::base

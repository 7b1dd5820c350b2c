#include "base/utf8.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace prism::base {
namespace {

// The encoding of any number below 2^21, also of those that are no characters.
std::string Encode(std::uint32_t point) {
  std::string out;
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((point >> shift) & 0x3F)); };
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | (point >> 6));
    tail(0);
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | (point >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | (point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
  return out;
}

TEST(IsValidUtf8, KnowsEveryCodePoint) {
  for (std::uint32_t point = 0; point < 0x120000; ++point) {
    const bool character = point < 0xD800 || (point >= 0xE000 && point <= 0x10FFFF);
    ASSERT_EQ(IsValidUtf8(Encode(point)), character) << std::hex << point;
  }
}

TEST(IsValidUtf8, RefusesWhatIsCutShortOverlongOrStray) {
  for (const std::uint32_t point : {0xE9u, 0x20ACu, 0x1F600u}) {
    const std::string whole = Encode(point);
    for (std::size_t size = 1; size < whole.size(); ++size) {
      EXPECT_FALSE(IsValidUtf8(whole.substr(0, size)));
      EXPECT_FALSE(IsValidUtf8(whole.substr(0, size) + "aaaaaaaaaaa"));
      EXPECT_FALSE(IsValidUtf8("aaaaaaaaaaa" + whole.substr(size)));
    }
  }
  EXPECT_FALSE(IsValidUtf8("\xC0\x80"));
  EXPECT_FALSE(IsValidUtf8("\xE0\x9F\xBF"));
  EXPECT_FALSE(IsValidUtf8("\xF0\x8F\xBF\xBF"));
  EXPECT_FALSE(IsValidUtf8("\xFF"));
}

TEST(TruncateUtf8, NeverCutsACharacter) {
  const std::string text = "a" + Encode(0x1F600) + "b";
  EXPECT_EQ(TruncateUtf8(text, 6), text);
  EXPECT_EQ(TruncateUtf8(text, 5), text.substr(0, 5));
  for (std::size_t limit = 1; limit < 5; ++limit) EXPECT_EQ(TruncateUtf8(text, limit), "a");
  EXPECT_EQ(TruncateUtf8(text, 0), "");
}

}  // namespace
}  // namespace prism::base

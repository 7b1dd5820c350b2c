#include "models/keyvalue/version_text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace prism::models {
namespace {

TEST(VersionText, ComesBack) {
  for (const std::uint64_t number :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{31}, std::uint64_t{32},
        std::uint64_t{1'700'000'000'000'000}, std::uint64_t{1} << 63,
        std::numeric_limits<std::uint64_t>::max()}) {
    const VersionText text(number);
    EXPECT_LE(text.view().size(), 13U);
    EXPECT_EQ(ParseVersion(text.view()), number) << text.view();
  }
}

TEST(VersionText, EachNumberHasOneSpelling) {
  for (const std::string_view text : {"", "00", "01", "A", "i", "l", "o", "u", "-1", " 1", "1 ",
                                      "zzzzzzzzzzzzz", "g000000000000", "00000000000000", "\xFF"}) {
    EXPECT_EQ(ParseVersion(text), std::nullopt) << text;
  }
  EXPECT_EQ(ParseVersion("fzzzzzzzzzzzz"), std::numeric_limits<std::uint64_t>::max());
}

}  // namespace
}  // namespace prism::models
